// The model as the state file's JSON text, and back. The reader trusts nothing: a field that is missing or of another
// type fails the whole file, and the error names its path.
#pragma once

#include "base/result.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

[[nodiscard]] boost::json::object to_json(const Model& model);
// Invalid where a field is missing or wrong, or where keys cannot be read.
[[nodiscard]] Result<Model> model_from_json(const boost::json::object& text);

}  // namespace latchkey::clouds::azure::emulator
