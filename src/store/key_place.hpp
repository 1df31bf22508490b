// The place of an external key: which key of which service it is, in one spelling. Two organisations may register one
// key; the store finds the other's registration by its place, and the clouds alone know how to spell it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace latchkey::store {

// Gives the place (kms::Key::place) of what `provider_config` registers with `provider`; absent where it does not read.
// Called on the store's threads whenever a row is written or read, and always the same for the same texts: a row whose
// column says another place was changed by somebody else, and is not believed. Nor is a row of a cloud that this
// server does not know.
using KeyPlaceOf =
    std::function<std::optional<std::string>(std::string_view provider, const std::string& provider_config)>;

}  // namespace latchkey::store
