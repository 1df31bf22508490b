#include "base/io_threads.hpp"

#include <thread>

namespace latchkey {

namespace {

// Asio's hint for a context that one thread runs.
constexpr int kOneThread = 1;

}  // namespace

IoThreads::IoThreads(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    contexts_.push_back(std::make_unique<boost::asio::io_context>(kOneThread));
    work_.emplace_back(contexts_.back()->get_executor());
  }
}

// The first context last: the others' timers and sockets may be held by what began there.
IoThreads::~IoThreads() {
  work_.clear();
  while (!contexts_.empty()) contexts_.pop_back();
}

boost::asio::io_context& IoThreads::next() {
  return *contexts_[turn_.fetch_add(1, std::memory_order_relaxed) % contexts_.size()];
}

void IoThreads::run() {
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < contexts_.size(); ++i) {
    others.emplace_back([context = contexts_[i].get()] { context->run(); });
  }
  first().run();
  for (auto& thread : others) thread.join();
}

void IoThreads::stop() {
  for (auto& context : contexts_) context->stop();
}

}  // namespace latchkey
