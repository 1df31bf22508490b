// Randomness straight from the kernel, which nothing in this process's memory foretells: a copy of that memory (a
// virtual machine that was cloned, a restored checkpoint) draws something else. Where the hypervisor tells the guest of
// the copy (VM Generation ID), the kernel's own generator is reseeded, too. Internal to crypto/; use SystemRandom.
// Thread-safe.
#pragma once

#include "base/bytes.hpp"

namespace latchkey::crypto {

// By a system call (getrandom(2)), for what is drawn seldom. Ends the process where the kernel gives nothing.
void kernel_random(MutableBytes out);

// The same without a system call where the kernel maps its generator into the process (Linux 6.11), for what is drawn
// for each of many messages. What the thread keeps for it is the kernel's, which makes it anew in a forked child and
// in a machine that was told that it is a copy, but not in a checkpoint of the process that is restored twice.
void kernel_random_quickly(MutableBytes out);

}  // namespace latchkey::crypto
