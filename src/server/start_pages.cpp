#include "server/start_pages.hpp"

#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace latchkey::server {

namespace {

// Segments that may be written have pages of their own, with what the program changed in them; those stay.
int release_segments(dl_phdr_info* object, std::size_t, void*) {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    auto begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    auto end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    // Where the system does not want to, they stay.
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void release_start_pages() {
  ::malloc_trim(0);
  dl_iterate_phdr(release_segments, nullptr);
}

}  // namespace latchkey::server
