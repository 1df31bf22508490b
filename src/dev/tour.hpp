// What `latchkey tour` does: it tells the product's main job, step by step, and carries out each step against a running
// `latchkey dev`.
#pragma once

#include <string>

#include "base/result.hpp"
#include "dev/dev_customer.hpp"

namespace latchkey::dev {

struct TourOptions {
  std::string data_dir;  // of that `latchkey dev`
  std::string file;      // the file to encrypt; empty: one that the tour makes
};

// NotFound where no `latchkey dev` has run in the folder, or where the file does not exist; else the first error of a
// step, which says what to do.
[[nodiscard]] Result<void> take_tour(const TourOptions& options, const MakeDevCustomer& make_customer);

}  // namespace latchkey::dev
