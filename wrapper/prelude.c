/*
 * prelude: template.so and the preludes beside it, each an interpreter's by the
 * interpreter's name.
 */
#include "prelude.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "loadable.h"
#include "path.h"
#include "text.h"

static char folder[PATH_MAX];
static char library[PATH_MAX + 16];
static char option[PATH_MAX + 16]; /* or the prelude's path alone */

/* Beside the command where it is built, or where it is installed. */
int prelude_init(void)
{
	static const char places[][16] = {"preload", "../lib/cgi-fcgi"};
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (length < 0)
		return -1;
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		text_format(folder, sizeof(folder), "%.3000s/%s", self,
			    places[i]);
		text_format(library, sizeof(library), "%s/template.so", folder);
		/* A loader takes these for the end of a name. */
		if (!library[strcspn(library, " \t\n:$")] &&
		    loadable_init(library) == 0)
			return 0;
	}
	return -1;
}

const char *prelude_library(void)
{
	return library;
}

/* Whether Python's own option names what is run: -m or -c, also behind others
 * in the same word. What follows -W or -X is no option. */
static bool names_module(const char *word)
{
	char first = word[strcspn(word, "mcWX")];

	return word[0] == '-' && (first == 'm' || first == 'c');
}

/* Behind the interpreter and its own option comes the script. */
bool prelude_of(struct prelude *prelude, char *const *words)
{
	static const char module[] = "-MCgiFcgiTemplate";
	const char *name = path_base(words[0]);
	int script = words[1] && words[1][0] == '-' ? 2 : 1;
	const char *letter = "";
	const char *file = "";

	if (!words[1] || !words[script])
		return false;
	*prelude = (struct prelude){
		.words = {option, (char *)(size_t)module},
		.count = 1,
		.at = 1,
	};
	if (strncmp(name, "perl", 4) == 0) {
		letter = "-I";
		prelude->count = 2;
	} else if (strncmp(name, "ruby", 4) == 0) {
		letter = "-r";
		file = "/template.rb";
	} else if (strncmp(name, "python3", 7) == 0 &&
		   !names_module(words[1])) {
		file = "/template.py";
		prelude->at = script;
	} else {
		return false;
	}
	text_format(option, sizeof(option), "%s%s%s", letter, folder, file);
	return true;
}
