/* What a test may ask of the simulated machine; exported by the simulated libcudart. */
#ifndef CUDASIM_CONTROL_H
#define CUDASIM_CONTROL_H

#ifdef __cplusplus
extern "C" {
#endif

/* JSON: {"violations": [...], "alive": {kind: count}, "objects": [...], "bytes": {where: count}, "calls": {kind:
   count}, "functions": {name: count}}, the latter of the runtime alone. Valid until this thread's next call. */
const char* cudasim_report(void);
/* Forgets violations, counts of calls and the errors that devices have fallen into, and takes back a failure that was
   ordered. What is alive stays. */
void cudasim_reset(void);
/* Makes the n-th call from now (1: the next) of a kind ("call", "allocate", "launch", "execute") fail with a status; 0:
   the status that such a call most likely fails with. 0 for n takes the order back. Returns 0, or -1 for an unknown
   kind. */
int cudasim_fail(const char* kind, long n, int status);
/* JSON: [{"what": "kernel …", "bytes": …, "graph": …, "wait": …, "read": …, "written": …, "sectorBytesRead": …,
   "sectorBytesWritten": …}, …], what ran since the last reset, in order; empty unless CUDASIM_TRAFFIC=1. bytes: what a
   library's call or a copy names; graph: the number of the graph's launch, or 0; wait: how often the host had waited.
   The rest is of kernels: bytes that they asked for, and bytes of the sectors that they touched. Valid until this
   thread's next call. */
const char* cudasim_traffic(void);
/* Calls of that kind since the last reset. */
long cudasim_calls(const char* kind);
/* Objects of that kind that are alive: "stream", "event", "graph", "cudnn descriptor", …; "" counts all. */
long cudasim_alive(const char* kind);
/* Broken rules since the last reset. */
long cudasim_violations(void);
/* The last broken rule, or "". Valid until this thread's next call. */
const char* cudasim_last_violation(void);

#ifdef __cplusplus
}
#endif
#endif
