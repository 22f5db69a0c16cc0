/* store.c - what all stores have in common. */
#include "common/ports/store.h"

#include <string.h>

bool fy_kept_name_is_valid(const char *name)
{
    size_t bytes = strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz.-");
    return name[0] >= 'a' && name[0] <= 'z' && name[bytes] == '\0' &&
           bytes <= FY_KEPT_NAME_BYTES_MAX;
}
