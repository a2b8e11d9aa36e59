#!/usr/bin/perl
# A form with a file upload, as CGI.pm's manual has it.
use strict;
use warnings;
use CGI;
use Digest::SHA;

my $q = CGI->new;
print $q->header('text/plain');
print 'name=', scalar $q->param('name'), "\n";
if (my $file = $q->upload('file')) {
	binmode $file;
	my $sha = Digest::SHA->new(256);
	$sha->addfile($file);
	print 'file=', scalar $q->param('file'), ' size=', -s $file,
	    ' sha256=', $sha->hexdigest, "\n";
}
