/* export.h - the catalogue written down beside the bodies, for the day it is lost. */
#ifndef FY_WORKER_EXPORT_H
#define FY_WORKER_EXPORT_H

#include "common/runtime/node.h"

/*
 * A thread that writes what the journal has gathered every `export.changes`, and all rows every
 * `export.every` or when the journal asks for it; close writes the last changes. Of all workers of
 * a site the one that pumps does it. Errors: FY_EIO no thread.
 */
struct fy_exporter;
FY_MUST_CHECK enum fy_code fy_exporter_open(struct fy_node *node, struct fy_exporter **exporter,
                                            struct fy_err *err);
void fy_exporter_close(struct fy_exporter *exporter); /* accepts NULL */

#endif
