// Bytes that a connection has read and not parsed yet. A buffer keeps parsed bytes until new ones overwrite them. This
// one knows how far it was written since the last wipe, so that a wipe costs as much as was read since then, not as
// much as was ever read. Internal to http/.
#pragma once

#include <cstddef>

#include <boost/beast/core/flat_buffer.hpp>

namespace latchkey::http {

// A DynamicBuffer_v1, which Beast reads into. The heap wipes the memory that the buffer outgrew or leaves behind
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

  // Makes room for so many more bytes, as far as max_size allows: Beast reads no more at once than there is room for.
  void make_room(std::size_t size);

  // Wipes all consumed bytes; the others stay as they are.
  void wipe_consumed();
  // Gives the memory back where it is more than `kept` bytes and none is unread: for a connection that may stay idle.
  void release_beyond(std::size_t kept);

 private:
  boost::beast::flat_buffer bytes_;
  // Nothing was written into the memory beyond this: at the front the bytes that were left at the last wipe, then all
  // that was committed since.
  std::size_t written_ = 0;
};

}  // namespace latchkey::http
