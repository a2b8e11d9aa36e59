#!/usr/bin/perl
# native.pl SOCKET: what hello-cgi.pl prints, as a FastCGI application.
use strict;
use warnings;
use CGI;
use FCGI;

my $socket = FCGI::OpenSocket($ARGV[0], 511);
my $request =
	FCGI::Request(\*STDIN, \*STDOUT, \*STDERR, \%ENV, $socket);

while ($request->Accept >= 0) {
	CGI::initialize_globals();
	my $cgi = CGI->new;
	print $cgi->header('text/plain'), 'hello ', $ENV{QUERY_STRING}, "\n";
}
