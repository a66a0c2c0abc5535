/* Between User-Mode Linux and the C library, by LD_PRELOAD.
 *
 * linux.uml keeps 2,696 bytes of a guest's floating point registers. A processor with AMX has 11,008,
 * and its kernel takes a whole set or none (EFAULT): "ptrace set fp regs failed, errno = 14", and the
 * guest's first process dies. What a guest cannot use, and so never changes, is added here as zeros. */
#include <cpuid.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PEEKTEXT = 1, PEEKUSER = 3, SETREGSET = 0x4205, X86_XSTATE = 0x202 };

long ptrace(int request, ...)
{
	static char whole[32768] __attribute__((aligned(64)));
	struct iovec set = { .iov_base = whole };
	unsigned size, b, c, d;
	long addr, data, pid, word, result;
	va_list rest;

	va_start(rest, request);
	pid = va_arg(rest, int);
	addr = va_arg(rest, long);
	data = va_arg(rest, long);
	va_end(rest);

	if (request == SETREGSET && addr == X86_XSTATE) {
		const struct iovec *given = (const struct iovec *)data;

		__cpuid_count(0xd, 0, c, size, b, d);
		if (given->iov_len < size && size <= sizeof(whole)) {
			memcpy(whole, given->iov_base, given->iov_len);
			set.iov_len = size;
			data = (long)&set;
		}
	}
	/* As the C library does it: a word that is looked at is what is returned. */
	if (request < PEEKTEXT || request > PEEKUSER)
		return syscall(SYS_ptrace, (long)request, pid, addr, data);
	result = syscall(SYS_ptrace, (long)request, pid, addr, &word);
	return result < 0 ? result : word;
}
