// Randomness straight from the kernel, which nothing in this process's memory predicts: a copy of that memory (a cloned
// virtual machine, a restored checkpoint) draws other bytes. Where the hypervisor tells the guest of the copy (VM
// Generation ID), the kernel also reseeds its own generator. Internal to crypto/; use SystemRandom. Thread-safe.
#pragma once

#include "base/bytes.hpp"

namespace latchkey::crypto {

// Fills `out` by a system call (getrandom(2)), for rare draws. Ends the process where the kernel gives nothing.
void kernel_random(MutableBytes out);

// The same without a system call where the kernel maps its generator into the process (Linux 6.11), for draws that
// happen per message. The kernel keeps state in each thread and renews it in a forked child and on a machine that
// learned that it is a copy, but not in a process checkpoint that is restored twice.
void kernel_random_quickly(MutableBytes out);

}  // namespace latchkey::crypto
