// Storage for JSON that holds a secret: wipes all memory before it frees it.
#pragma once

#include <new>

#include <boost/json/memory_resource.hpp>

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

// Boost.JSON never needs more than the default alignment, and may name another one when it frees memory than when it
// took it: so all memory has the default alignment.
class WipingResource final : public boost::json::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t) override { return ::operator new(bytes); }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t) override {
    wipe(MutableBytes(static_cast<std::uint8_t*>(memory), bytes));
    ::operator delete(memory);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    return dynamic_cast<const WipingResource*>(&other) != nullptr;
  }
};

}  // namespace latchkey::crypto
