// The emulated cloud's state: immutable snapshots for readers, one writer at a time, and a file that receives every
// change before the change is acknowledged. A lock file makes sure that one process owns the folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

using Snapshot = std::shared_ptr<const Model>;

// Thread-safe. Opening and changing block on the disk: do not call them on I/O threads.
class State {
 public:
  // Reads `folder`/azure-state.json; without one it begins with an empty model, and is_new() is true. Invalid where the
  // file is damaged, Conflict where another process has the folder.
  [[nodiscard]] static Result<std::unique_ptr<State>> open(const std::string& folder);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  [[nodiscard]] bool is_new() const { return is_new_; }
  [[nodiscard]] Snapshot read() const;

  // Calls `edit` with a copy of the model; where it succeeds, the copy is written durably and becomes the model. Where
  // `edit` refuses or the disk fails, nothing has changed.
  template <class Edit>
  auto change(Edit edit) -> std::invoke_result_t<Edit, Model&> {
    using EditResult = std::invoke_result_t<Edit, Model&>;
    std::optional<EditResult> result;
    auto failed = commit([&](Model& model) {
      result.emplace(edit(model));
      return result->has_value();
    });
    if (failed) return refuse_for(*failed);
    return std::move(*result);
  }

 private:
  State(std::string path, int lock, Model model, bool is_new);
  // The disk's error; absent where the file was written, or `edit` returned false.
  std::optional<Error> commit(const std::function<bool(Model&)>& edit);

  std::string path_;
  int lock_;
  bool is_new_;
  Mutex writing_;
  mutable Mutex mutex_;  // a reader never waits for the disk
  Snapshot current_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::clouds::azure::emulator
