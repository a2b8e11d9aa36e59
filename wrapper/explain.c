/*
 * explain: what execve(2) does not tell. The kernel says little of a script
 * whose interpreter is missing, so the file is looked at once more.
 */
#include "explain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"
#include "text.h"

/* What is wrong with a file that does not begin with #!. */
static const char *explain_binary(const char *line, int error)
{
	if (strncmp(line, "\xef\xbb\xbf#!", 5) == 0)
		return "a UTF-8 byte order mark stands before #!; remove it";
	if (error != ENOEXEC)
		return "its loader (ELF interpreter) is missing or unfit";
	return strncmp(line, "\177ELF", 4) == 0
		       ? "built for another kind of machine"
		       : "no program and no #! line";
}

/* Why the kernel finds an existing script's interpreter missing or unfit. A
 * link that stands there now was put there since: it may lead to a device. */
static int explain_script(struct program *program, int error)
{
	char line[256];
	int fd = openat(program->folder, program->local,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK |
				(set.program ? 0 : O_NOFOLLOW),
			0);
	ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	const char *what;
	char reason[300];

	if (fd >= 0)
		close(fd);
	line[length > 0 ? length : 0] = '\0';
	if (strncmp(line, "#!", 2) != 0)
		return refusal(program->why, 500, program->path,
			       explain_binary(line, error));
	line[strcspn(line, "\n")] = '\0';
	if (strchr(line, '\r'))
		what = "the #! line ends in a carriage return; "
		       "convert the file to Unix line ends";
	else if (error == EACCES)
		what = "its interpreter may not be executed";
	else
		what = "its interpreter is missing";
	line[strcspn(line, "\r")] = '\0';
	text_format(reason, sizeof(reason), "%.150s: %.100s", line, what);
	return refusal(program->why, 500, program->path, reason);
}

static int explain_access(struct program *program)
{
	struct stat st;

	if (fstatat(program->folder, program->local, &st, 0) == 0 &&
	    !(st.st_mode & 0111))
		return refusal(program->why, 403, program->path,
			       "not executable (chmod +x)");
	if (faccessat(program->folder, program->local, X_OK, AT_EACCESS) < 0)
		return refusal_us(program->why, program->path, "execute it");
	return explain_script(program, EACCES);
}

static int explain_exec(struct program *program, int error)
{
	errno = error;
	if (program->words[1] && error != E2BIG)
		return refusal_errno(program->why, program->exec);
	switch (error) {
	case EACCES:
	case EPERM:
		return explain_access(program);
	case E2BIG:
		return refusal(program->why, 431, program->path,
			       "the request's variables are too large for the "
			       "system (execve: E2BIG)");
	case ENOENT:
	case ENOEXEC:
	case ELIBBAD:
	case EINVAL:
		if (faccessat(program->folder, program->local, F_OK, 0) < 0)
			return refusal(program->why, 404, program->path,
				       "it has just gone");
		return explain_script(program, error);
	case ETXTBSY:
		return refusal(program->why, 500, program->path,
			       "somebody has it open for writing");
	default:
		return refusal_errno(program->why, program->path);
	}
}

int explain_start(struct program *program, const struct spawn *spawn)
{
	static const char doing[][32] = {
		[SPAWN_FORK] = "cannot start a process",
		[SPAWN_FOLDER] = "cannot enter its folder",
		[SPAWN_FILES] = "cannot give it its descriptors",
		[SPAWN_LIMIT] = "cannot set its limits",
		[SPAWN_OWNER] = "cannot become its owner",
	};
	char reason[200];

	if (spawn->step == SPAWN_EXEC)
		return explain_exec(program, spawn->error);
	text_format(reason, sizeof(reason), "%s: %s", doing[spawn->step],
		    strerror(spawn->error));
	return refusal(program->why,
		       spawn->step == SPAWN_FORK ? 503
						 : refusal_status(spawn->error),
		       program->path, reason);
}
