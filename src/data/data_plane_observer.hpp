// What the data plane reports to whoever counts it.
#pragma once

#include "base/error.hpp"

namespace latchkey::data {

// The data plane calls it during requests, from several threads at once: an implementation takes no time and no lock
// that others hold for long.
class DataPlaneObserver {
 public:
  DataPlaneObserver() = default;
  DataPlaneObserver(const DataPlaneObserver&) = delete;
  DataPlaneObserver& operator=(const DataPlaneObserver&) = delete;
  virtual ~DataPlaneObserver() = default;
  // A call needed a data key. `error` is null where the call got one; `bridged` says that the call got it although
  // nobody can reach the customer's key.
  virtual void data_key_requested(const Error* error, bool bridged) = 0;
};

}  // namespace latchkey::data
