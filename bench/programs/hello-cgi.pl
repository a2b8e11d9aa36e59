#!/usr/bin/perl
use strict;
use warnings;
use CGI;

my $cgi = CGI->new;
print $cgi->header('text/plain'), 'hello ', $ENV{QUERY_STRING}, "\n";
