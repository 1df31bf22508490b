// Runs a coroutine to its end in a test.
#pragma once

#include <exception>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "base/task.hpp"

namespace latchkey::kms::testing {

// Runs everything on `context` until nothing is left to do, and returns the task's result.
template <class T>
T run_task(boost::asio::io_context& context, Task<T> task) {
  std::optional<T> result;
  auto into = [](Task<T> inner, std::optional<T>* out) -> Task<void> {
    auto value = co_await std::move(inner);
    out->emplace(std::move(value));
  };
  boost::asio::co_spawn(context, into(std::move(task), &result), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.restart();
  context.run();
  return std::move(result.value());
}

}  // namespace latchkey::kms::testing
