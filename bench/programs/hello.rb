#!/usr/bin/ruby
require "cgi"
require "json"

print "Content-Type: text/plain\r\n\r\nhello #{ENV["QUERY_STRING"]}\n"
