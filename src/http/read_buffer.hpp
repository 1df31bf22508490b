// What a connection has read and not parsed yet. A buffer keeps what was parsed until something else is read over it;
// this one knows how far it was written, so that wiping costs what was read, and not what was read at most since the
// connection began. Internal to http/.
#pragma once

#include <cstddef>

#include <boost/beast/core/flat_buffer.hpp>

namespace latchkey::http {

// A DynamicBuffer_v1, as Beast reads into. Memory that it outgrew or leaves behind is the heap's to wipe
// (cli/wiping_heap.cpp). Not thread-safe.
class ReadBuffer {
 public:
  using const_buffers_type = boost::beast::flat_buffer::const_buffers_type;
  using mutable_buffers_type = boost::beast::flat_buffer::mutable_buffers_type;

  explicit ReadBuffer(std::size_t max_size) : bytes_(max_size) {}
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::size_t max_size() const { return bytes_.max_size(); }
  [[nodiscard]] std::size_t capacity() const { return bytes_.capacity(); }
  [[nodiscard]] const_buffers_type data() const { return bytes_.data(); }
  [[nodiscard]] mutable_buffers_type prepare(std::size_t size) { return bytes_.prepare(size); }
  void commit(std::size_t size) {
    bytes_.commit(size);
    written_ += size;
  }
  void consume(std::size_t size) { bytes_.consume(size); }

  // Leaves nothing of what was consumed; what was not stays as it is.
  void wipe_consumed();

 private:
  boost::beast::flat_buffer bytes_;
  // Nothing is written further into the memory than this: what was left when it was last wiped, at its front, and all
  // that was committed since.
  std::size_t written_ = 0;
};

}  // namespace latchkey::http
