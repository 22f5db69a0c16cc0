/* lease.h - keeps this process's lease alive, without which it can publish no body. */
/*
 * It is also who first knows that a catalogue is back, and gives back what uploads left (undone.h).
 *
 * One thread of its own in every process, whatever its role: nothing else may make it late. A lease
 * that is found dead ends the process (exit 7), since others may sweep what it wrote.
 */
#ifndef FY_RUNTIME_LEASE_H
#define FY_RUNTIME_LEASE_H

#include "common/core/err.h"

struct fy_node;
struct fy_lease;
/* Once the node's writer is open. Errors: FY_EINTERNAL no thread. */
FY_MUST_CHECK enum fy_code fy_lease_open(struct fy_node *node, struct fy_lease **lease,
                                         struct fy_err *err);
/* While the writer still is. Accepts NULL. The catalogue releases the lease when it closes. */
void fy_lease_close(struct fy_lease *lease);

#endif
