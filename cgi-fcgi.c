/*
 * cgi-fcgi: main() chooses the side. It knows the two sides' names and nothing
 * of what they do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/bridge.h"
#include "listen.h"
#include "opt.h"
#include "wrapper/wrapper.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}
