# frozen_string_literal: true

# The prelude for Ruby (-preload), named by -r: what the script requires at its
# top is loaded, then ruby goes on to compile the script; each request's process
# goes on from there. Nothing here has a name that the script could see.

script = $0
variables = ENV.to_h
words = File.binread("/proc/self/cmdline").split("\0", -1)[0...-1]
source = File.binread(script)

# Any other option may read the script otherwise, or from another folder.
option = /-[wWUKu012]+|-[EIr]\S+|--(?:disable|enable|encoding|yjit)\S*/
unless words[2...-(ARGV.size + 1)].all?(/\A#{option}\z/) &&
       source.match?(/\A(?:(?!#!)|#!.*\bruby[\d.]*(?:[ \t]+#{option})*\s*$)/)
  abort "cgi-fcgi: #{script}: cannot be preloaded: by its options"
end

# What is required before the script does anything else: that may change where
# it is found, or what it finds. BEGIN comes before all.
requires = lambda do
  source.each_line.with_index(1) do |line, number|
    next if line.start_with?("=begin")..line.start_with?("=end")
    next if line.match?(/\A\s*(?:#|\z)/)

    found = line.match(
      %r{\A\s*require(_relative)?\s*\(?\s*(["'])([-\w./+]+)\2\s*\)?\s*;?\s*(?:#|\z)}
    )
    break if !found || source.match?(/\bBEGIN\b/)

    name = found[3]
    name = File.expand_path(name, File.dirname(File.realpath(script))) if found[1]
    # As if the script did it: some look who they are required by.
    eval("require #{name.dump}", TOPLEVEL_BINDING, script, number)
  end
end

# Those that ruby itself, or its search for what is required, reads at its start.
early = lambda do |all|
  all.select { |name, _| name.match?(/\A(?:LANG|LC_|RUBY|GEM_|BUNDLE_)/) }
end

# Once the list is written fork(2) is cgi_fcgi_wait: ruby's own fork does what an
# interpreter needs before and after it.
wait = lambda do |files|
  changed = (variables.keys | ENV.keys).to_h { |name| [name, ENV[name]] }
  changed.reject! { |name, value| variables[name] == value }
  list = Dir.children("/proc/self/fd").find do |fd|
    File.readlink("/proc/self/fd/#{fd}").start_with?("/memfd:cgi_fcgi_files")
  end
  GC.start
  File.write("/proc/self/fd/#{list}", files.map { |file| "#{file}\n" }.join)
  before = Process.pid
  Process.fork
  abort "cgi-fcgi: #{script}: cannot be preloaded: by its fork" if Process.pid == before
  exec([words[0], words[0]], *words.drop(2)) if early[ENV.to_h] != early[variables]
  # What was not there may have been set because it was not.
  changed.reject! { |name, _| ENV.key?(name) && !variables.key?(name) }
  ENV.update(changed)
  ENV["TZ"] = ENV["TZ"] if ENV["TZ"] # which makes ruby look at it
end

files = [script]
loaded = false
trace = TracePoint.new(:script_compiled) do |point|
  files << point.instruction_sequence.path
  if loaded && files.last == script
    trace.disable
    $LOADED_FEATURES.delete(__FILE__)
    wait[(files | $LOADED_FEATURES).map { |file| File.absolute_path(file) }]
  end
end
trace.enable
requires.call
loaded = true
trace.enable # also if what is required has ended all that trace
