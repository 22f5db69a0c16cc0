/* verify.h - stored bodies read again and hashed; the damaged fetched from another site. */
#ifndef FY_WORKER_VERIFY_H
#define FY_WORKER_VERIFY_H

#include "common/runtime/node.h"

/*
 * Goes on with the site's scan of stored bodies, if one runs and no other process does it: until it
 * is done, somebody stops it, or *stop. It reads at verify.rate, and how far it is stands in the
 * catalogue once a second, where whoever comes next goes on.
 * Errors: those of the catalogue; FY_EBUSY no file can be opened just now; FY_EIO so many bodies in
 * a row cannot be read that it is the disk (FY_VERIFY_UNREADABLE_MAX). Thread: one of a process;
 * blocks.
 */
FY_MUST_CHECK enum fy_code fy_verify(struct fy_node *node, const _Atomic bool *stop,
                                     struct fy_err *err);

/*
 * Fetches a body's bytes from a site that is UP and has them under a name that they have here,
 * proves them, and puts them in the place of those that are here (struct fy_cat_mend).
 *   site    FY_SITE_BYTES_MAX + 1 bytes; on FY_OK who gave them
 * Errors: FY_ENOTFOUND no site has them, or the body is gone here; FY_ENOSPACE, FY_EIO of the
 * store; those of the catalogue; FY_ECANCELLED *stop. Blocks for as long as the transfer moves. In
 * mend.c.
 */
FY_MUST_CHECK enum fy_code fy_mend(struct fy_node *node, const struct fy_body_row *body,
                                   const _Atomic bool *stop, char *site, struct fy_err *err);

#endif
