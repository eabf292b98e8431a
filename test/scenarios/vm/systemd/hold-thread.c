/*
 * hold-thread TID: stops one thread of another process for as long as that lives, as a call does that a broken disk
 * never answers. Says "held" when it stands still.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int count, char **words)
{
	int thread = count == 2 ? atoi(words[1]) : 0;

	if (ptrace(PTRACE_SEIZE, thread, 0, 0) || ptrace(PTRACE_INTERRUPT, thread, 0, 0)) {
		perror("hold-thread");
		return 1;
	}
	waitpid(thread, NULL, __WALL);
	puts("held");
	fflush(stdout);
	waitpid(thread, NULL, __WALL);
	return 0;
}
