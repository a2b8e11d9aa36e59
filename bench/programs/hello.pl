#!/usr/bin/perl
use strict;
use warnings;
print "Content-Type: text/plain\r\n\r\nhello ", $ENV{QUERY_STRING} // '', "\n";
