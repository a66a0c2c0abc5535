//! System calls that touch nothing but what they are given: no `errno`, no lock, no memory of the C library.

/// A system call was refused; the number is not told, for nobody could write it anywhere.
pub(super) struct Fault;

/// A C integer as an argument; the kernel looks at its 32 bits only.
pub(super) const fn word(value: i32) -> usize {
    value.cast_unsigned() as usize
}

/// Makes a system call whose arguments are numbers, or addresses of live values of the kind that it wants.
pub(super) fn call(number: libc::c_long, arguments: [usize; 5]) -> Result<usize, Fault> {
    let result = made(number, arguments);
    // -4095 to -1 are errors.
    if (-4095..0).contains(&result) {
        Err(Fault)
    } else {
        usize::try_from(result).map_err(|_| Fault)
    }
}

/// Ends the process.
pub(super) fn exit(status: i32) -> ! {
    loop {
        let _ = call(libc::SYS_exit_group, [word(status), 0, 0, 0, 0]);
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a system call is an instruction")]
fn made(number: libc::c_long, [first, second, third, fourth, fifth]: [usize; 5]) -> i64 {
    let result: i64;
    // SAFETY: the kernel's calling convention; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "a system call is an instruction")]
fn made(number: libc::c_long, [first, second, third, fourth, fifth]: [usize; 5]) -> i64 {
    let result: i64;
    // SAFETY: the kernel's calling convention; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") first as isize => result,
            in("x1") second, in("x2") third, in("x3") fourth, in("x4") fifth,
            options(nostack),
        );
    }
    result
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[expect(unsafe_code, reason = "a system call")]
fn made(number: libc::c_long, [first, second, third, fourth, fifth]: [usize; 5]) -> i64 {
    // SAFETY: the caller vouches for the arguments. The parent waits meanwhile, and reads its `errno` only after a call
    // of its own.
    let result = unsafe { libc::syscall(number, first, second, third, fourth, fifth) };
    result.into()
}
