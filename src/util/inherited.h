/* What whoever starts a process may leave it with, and no process of ours can work with. */
#pragma once

/* First thing in main(): what is opened later is never taken for a standard descriptor that was closed; the end of a
 * child is told whether or not it was to be ignored; and SIGALRM comes. */
void inherited_mend(void);
