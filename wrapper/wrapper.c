#include "wrapper.h"

const struct opt wrapper_options[] = {{.name = NULL}};

int wrapper_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}

int fcgiwrap_main(int argc, char **argv)
{
	return wrapper_main(argc, argv);
}
