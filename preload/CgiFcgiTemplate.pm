# The prelude for Perl (-preload): the script and its modules are compiled; each
# request's process goes on from here.
package CgiFcgiTemplate;

use strict;
use warnings;
use DynaLoader ();

# It is loaded already.
my $template = DynaLoader::dl_load_file(__FILE__ =~ s/[^\/]*\z/template.so/r)
	or die DynaLoader::dl_error();

sub symbol {
	my ($name) = @_;
	return DynaLoader::dl_find_symbol($template, $name)
		// die DynaLoader::dl_error();
}

# A C variable's or a pointer's bytes. A pointer is as long as C's long: Perl's
# own numbers may be longer.
sub bytes_at {
	my ($address, $length) = @_;
	return unpack "P$length", pack 'L!', $address;
}

sub number_of {
	my ($name, $form) = @_;
	return unpack $form, bytes_at(symbol($name), length pack $form, 0);
}

sub tell_files {
	my $fd = number_of('cgi_fcgi_files', 'i');
	open my $list, '>&', $fd or return;
	print {$list} map { "$_\n" } grep { defined } values %INC;
	return close $list;
}

my %given = %ENV;
my (%changed, @removed);

# With -T.
sub is_trusted {
	my ($value) = @_;
	return eval { eval '#' . substr $value, 0, 0; 1 };
}

sub is_changed {
	my ($name) = @_;
	return !exists $given{$name} || $ENV{$name} ne $given{$name}
		|| is_trusted($ENV{$name}) && !is_trusted($given{$name});
}

# What has been done to the variables so far is done to each request's. What was
# not there may have been set because it was not: the request's own stays.
sub note_changes {
	%changed = map { $_ => $ENV{$_} } grep { is_changed($_) } keys %ENV;
	@removed = grep { !exists $ENV{$_} } keys %given;
	return;
}

sub repeat_changes {
	delete @ENV{@removed};
	for my $name (keys %changed) {
		$ENV{$name} = $changed{$name}
			if exists $given{$name} || !exists $ENV{$name};
	}
	return;
}

# As perl itself does it, with -T marked as not to be trusted.
sub take_environment {
	my $mark = substr "$0$^X", 0, 0;
	my $text = bytes_at(number_of('cgi_fcgi_env', 'L!'),
		number_of('cgi_fcgi_env_length', 'L!'));
	%ENV = map { /\A([^=]+)=(.*)\z/s ? ($1, $2 . $mark) : () }
		split /\0/, $text;
	return;
}

INIT {
	tell_files();
	note_changes();
	DynaLoader::dl_install_xsub('CgiFcgiTemplate::wait',
		symbol('cgi_fcgi_wait'));
	CgiFcgiTemplate::wait();
	take_environment();
	repeat_changes();
	$^T = time;
	srand;
}

1;
