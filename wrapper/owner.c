/*
 * owner: who else could have written what is about to run as its owner?
 */
#include "owner.h"

#include <stddef.h>

const char *owner_refuses(uid_t least, const struct stat *file,
			  const struct stat *folder)
{
	if (file->st_uid < least)
		return "its owner's uid is below -as-owner";
	if (file->st_uid == 0 || file->st_gid == 0)
		return "it belongs to root or to root's group";
	if (file->st_mode & (S_ISUID | S_ISGID))
		return "it has a set-user-ID or set-group-ID bit";
	if (file->st_mode & (S_IWGRP | S_IWOTH))
		return "others than its owner may write to it";
	if (folder->st_uid != file->st_uid)
		return "its folder belongs to someone else";
	if (folder->st_mode & (S_IWGRP | S_IWOTH))
		return "others than its owner may write to its folder";
	return NULL;
}
