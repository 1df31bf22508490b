// Every fault that Azure, or the way to it, can have, at each place where a key is asked, at each age of a lease. The
// test finds what each leads to, and checks that the promise holds in every cell. docs/fault-matrix.md is made from it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/testing/faults.hpp"
#include "testing/written_page.hpp"

namespace latchkey::clouds::azure {
namespace {

using namespace keyring;

using namespace std::chrono_literals;
using testing::Fault;
using testing::FaultFixture;
using testing::Meaning;
using testing::Place;
using testing::SharedStore;

// The time for one request. It is more than one call to a key may take.
constexpr auto kTimeout = 15s;
// For a validation.
constexpr auto kValidation = 30s;
// Within which a key that serves again is noticed: the longest time between two probes, and a question.
constexpr auto kHealing = 90s;

enum class Age { Cold, Warm, PastSoft, PastSignIn, PastHard };

// The age of a token matters by itself only where the token lives longer than that.
std::vector<Age> ages_of(Place place) {
  if (place == Place::SignIn) return {Age::Cold, Age::Warm, Age::PastSoft, Age::PastSignIn, Age::PastHard};
  return {Age::Cold, Age::Warm, Age::PastSoft, Age::PastHard};
}

bool has_lease(Age age) {
  return age != Age::Cold && age != Age::PastHard;
}

constexpr auto kSignIn = kms::SignInAges{}.soft;
// Five times the longest time between two calls: past the age at which any place is asked again.
std::chrono::milliseconds step_of(Place place) {
  return place == Place::SignIn ? kSignIn / 4 : 15s;
}

std::string_view to_string(Age age) {
  switch (age) {
    case Age::Cold:
      return "cold";
    case Age::Warm:
      return "warm";
    case Age::PastSoft:
      return "past soft";
    case Age::PastSignIn:
      return "past sign-in";
    case Age::PastHard:
      return "past hard";
  }
  return "";
}

enum class Outcome { Served, Refused, Unreachable, Alarm, Wrong };

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Served:
      return "served";
    case Outcome::Refused:
      return "refused";
    case Outcome::Unreachable:
      return "unreachable";
    case Outcome::Alarm:
      return "alarm";
    case Outcome::Wrong:
      return "WRONG";
  }
  return "";
}

struct Cell {
  Outcome outcome = Outcome::Wrong;
  Reason reason;
  std::string message;
  bool had_lease = false;
  bool has_lease = false;

  // "refused, dropped".
  [[nodiscard]] std::string text() const {
    std::string shown(to_string(outcome));
    if (had_lease) shown += has_lease ? ", kept" : ", dropped";
    return shown;
  }
};

Outcome outcome_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::KeyDenied:
    case ErrorCode::NetworkBlocked:
      return Outcome::Refused;
    case ErrorCode::KeyUnreachable:
    case ErrorCode::DeadlineExceeded:  // of a validation alone
      return Outcome::Unreachable;
    case ErrorCode::Corrupt:
      return Outcome::Alarm;
    default:
      return Outcome::Wrong;
  }
}

// What we promise, derived from the meaning of the fault and from the age alone.
Cell promised(const Fault& fault, Place place, Age age) {
  bool leased = has_lease(age);
  Cell cell{Outcome::Served, {}, "", leased, leased};
  // A validation always asks the key, whatever leases there are, and so does the wrap of a first data key. Otherwise
  // the server asks the key where there is no fresh lease, and Entra again where its last response is old as well.
  bool asks = place == Place::Get || place == Place::Wrap || age != Age::Warm;
  if (place == Place::SignIn && age == Age::PastSoft) asks = false;
  if (!asks) return cell;
  switch (fault.meaning) {
    case Meaning::Nothing:
      return cell;
    case Meaning::Refused:
      cell.outcome = Outcome::Refused;
      if (place != Place::Get) cell.has_lease = false;
      return cell;
    case Meaning::RefusesWrapping:
      cell.outcome = Outcome::Refused;
      return cell;
    case Meaning::Unreachable:
      if (!leased || place == Place::Get || place == Place::Wrap) cell.outcome = Outcome::Unreachable;
      return cell;
    case Meaning::Alarm:
      cell.outcome = Outcome::Alarm;
      if (place != Place::Wrap) cell.has_lease = false;
      return cell;
  }
  return cell;
}

class FaultMatrix : public ::testing::Test {
 public:
  static void SetUpTestSuite() { shared = std::make_unique<SharedStore>(); }
  static void TearDownTestSuite() { shared.reset(); }
  static std::unique_ptr<SharedStore> shared;

  // One row of the page: the cells of faults that have the same, in the order of ages_of the place.
  struct Row {
    std::vector<std::string> faults;
    std::vector<std::string> cells;
    std::string reason;
  };
  static void expect_on_page(Place place, const std::vector<Fault>& faults);
  static std::vector<Row> rows_of(Place place, const std::vector<Fault>& faults);
  static Cell play(Place place, const Fault& fault, Age age);
  static Cell ask(FaultFixture& fixture, Place place, const envelope::DataKey& original);
  static void hold_promises(FaultFixture& fixture, Place place, const Fault& fault, const Cell& first,
                            const envelope::DataKey& original);
};

std::unique_ptr<SharedStore> FaultMatrix::shared;

void let_age(FaultFixture& fixture, Age age) {
  switch (age) {
    case Age::Cold:
      fixture.start();
      return;
    case Age::Warm:
      return;
    case Age::PastSoft:
      fixture.clock.advance(LeaseAges{}.soft + 1s);
      return;
    case Age::PastSignIn:
      fixture.clock.advance(kSignIn + 1s);
      return;
    case Age::PastHard:
      fixture.clock.advance(LeaseAges{}.hard + 1s);
      return;
  }
}

// Does a first encryption where the place is a wrap; otherwise both a decryption and an encryption, which must agree.
Cell FaultMatrix::ask(FaultFixture& fixture, Place place, const envelope::DataKey& original) {
  Cell cell;
  auto note = [&](const Result<Lease>& lease, bool is_new) {
    if (!lease) {
      cell.outcome = outcome_of(lease.error());
      cell.reason = lease.error().reason;
      cell.message = lease.error().message();
      return;
    }
    bool same = crypto::equal_constant_time(lease.value().key->material(), original.material());
    cell.outcome = is_new || same ? Outcome::Served : Outcome::Wrong;
    EXPECT_GE(lease.value().expires_at, fixture.clock.age_time());
  };
  auto deadline = fixture.clock.steady() + kTimeout;
  if (place == Place::Get) {
    deadline = fixture.clock.steady() + kValidation;
    auto validated = fixture.validate(deadline);
    cell.outcome = validated ? Outcome::Served : outcome_of(validated.error());
    if (!validated) cell.reason = validated.error().reason;
    if (!validated) cell.message = validated.error().message();
  } else if (place == Place::Wrap) {
    note(fixture.run_by(deadline, fixture.keyring->for_encryption(fixture.new_workspace(), deadline)), true);
  } else {
    note(fixture.run_by(deadline, fixture.keyring->for_decryption(fixture.customer, original.id(), deadline)), false);
  }
  if (place == Place::Get || place == Place::Wrap) return cell;
  auto first = cell;
  deadline = fixture.clock.steady() + kTimeout;
  note(fixture.run_by(deadline, fixture.keyring->for_encryption(fixture.customer, deadline)), false);
  EXPECT_EQ(to_string(cell.outcome), to_string(first.outcome)) << "reading and writing disagree";
  return first;
}

// The fault stays: nothing is read any more once the key refused, nor past the hard age; it ends: all is as before.
void FaultMatrix::hold_promises(FaultFixture& fixture, Place place, const Fault& fault, const Cell& first,
                                const envelope::DataKey& original) {
  auto wrapped = fixture.stored(fixture.customer);
  for (int i = 0; i < 5; ++i) {
    fixture.clock.advance(step_of(place));
    fixture.run_background();
    auto later = ask(fixture, place, original);
    EXPECT_NE(later.outcome, Outcome::Wrong);
    if (first.outcome == Outcome::Refused) {
      EXPECT_EQ(to_string(later.outcome), "refused") << "after a refusal";
    }
  }
  bool ends_within_soft = fault.meaning == Meaning::Refused || fault.meaning == Meaning::Alarm;
  bool is_of_leases = asks_entra(place) || place == Place::Unwrap;
  if (is_of_leases && ends_within_soft) {
    EXPECT_NE(to_string(ask(fixture, place, original).outcome), "served")
        << "past soft, under a key or an Entra that refuses";
    EXPECT_EQ(fixture.keyring->size(), 0U);
  }
  fixture.clock.advance(LeaseAges{}.hard + 1s);
  fixture.run_background();
  if (place == Place::Get) {
    EXPECT_EQ(to_string(ask(fixture, Place::Unwrap, original).outcome), "served")
        << "a validation is no question of data";
  } else if (is_of_leases && fault.meaning != Meaning::Nothing) {
    EXPECT_NE(to_string(ask(fixture, place, original).outcome), "served") << "past hard";
    fixture.run_background();
    EXPECT_EQ(fixture.keyring->size(), 0U) << "a lease leaks";
  }

  fixture.disturbed = false;
  fixture.azure.always.clear();
  Cell healed;
  for (auto end = fixture.clock.steady() + kHealing; fixture.clock.steady() < end;) {
    fixture.clock.advance(5s);
    fixture.run_background();
    healed = ask(fixture, Place::Unwrap, original);
    if (healed.outcome == Outcome::Served) break;
  }
  EXPECT_EQ(to_string(healed.outcome), "served") << "it does not heal by itself: " << healed.message;
  EXPECT_EQ(to_string(ask(fixture, Place::Wrap, original).outcome), "served") << "a first data key after it";
  auto still = fixture.stored(fixture.customer);
  ASSERT_TRUE(wrapped && still);
  EXPECT_EQ(still->wrapped, wrapped->wrapped);
}

Cell FaultMatrix::play(Place place, const Fault& fault, Age age) {
  FaultFixture fixture(*shared, place, fault);
  auto made = fixture.run(fixture.keyring->for_encryption(fixture.customer, fixture.clock.steady() + kTimeout));
  EXPECT_TRUE(made) << made.error().message();
  auto original = made.value().key;
  let_age(fixture, age);
  fixture.disturbed = true;
  auto unwraps = fixture.client.count("/unwrapkey");
  auto cell = ask(fixture, place, *original);
  cell.had_lease = has_lease(age);
  // There may also be the lease of a first data key, which the fault does not affect.
  auto spared = fixture.keyring->size();
  cell.has_lease = cell.had_lease && spared > 0;
  EXPECT_LE(spared, 2U);
  if (age == Age::PastSignIn && fault.meaning == Meaning::Unreachable) {
    EXPECT_GT(fixture.client.count("/unwrapkey"), unwraps) << "the old token serves, and the vault renews the lease";
  }
  hold_promises(fixture, place, fault, cell, *original);
  EXPECT_GT(fixture.met, 0) << "the fault was never met";
  return cell;
}

std::vector<FaultMatrix::Row> FaultMatrix::rows_of(Place place, const std::vector<Fault>& faults) {
  std::vector<Row> rows;
  for (const auto& fault : faults) {
    Row row{{fault.name}, {}, std::string(fault.reason.code())};
    for (auto age : ages_of(place)) {
      SCOPED_TRACE(fmt::format("{}, {}", fault.name, to_string(age)));
      auto cell = play(place, fault, age);
      EXPECT_EQ(cell.text(), promised(fault, place, age).text()) << cell.message;
      if (cell.outcome != Outcome::Served) {
        EXPECT_EQ(cell.reason, fault.reason) << cell.message;
        EXPECT_FALSE(cell.message.empty());
        EXPECT_EQ(cell.message.find("token-"), std::string::npos) << cell.message;
      }
      row.cells.push_back(cell.text());
    }
    auto alike = std::find_if(rows.begin(), rows.end(),
                              [&](const Row& other) { return other.cells == row.cells && other.reason == row.reason; });
    if (alike == rows.end()) {
      rows.push_back(std::move(row));
    } else {
      alike->faults.push_back(fault.name);
    }
  }
  return rows;
}

std::string_view heading(Place place) {
  switch (place) {
    case Place::Token:
      return "## The token endpoint\n\nAsked where there is no token, which past soft there is not here: tokens live "
             "20 s.\n";
    case Place::SignIn:
      return "## The sign-in, while its token lives\n\nTokens live an hour here, as Azure's do. *Past sign-in*: the "
             "token is older than `azure.sign_in_max_age`, so Entra is asked\nanew. Where it cannot be asked, the "
             "vault "
             "is, with the old token, and renews the lease.\n";
    case Place::Unwrap:
      return "## Unwrap\n\nWhat reads, and what writes under a data key that is there: both were done in each cell.\n";
    case Place::Wrap:
      return "## Wrap\n\nThe first encryption of another workspace under the same key. Kept or dropped is the lease "
             "that the "
             "key's first workspace has.\n";
    case Place::Get:
      return "## Get key\n\nA validation, which reads the key before it wraps and unwraps. It says what it found, and "
             "is no "
             "question of data: leases stay, and data is served on.\n";
  }
  return "";
}

std::string section_of(Place place, const std::vector<FaultMatrix::Row>& rows) {
  std::vector<std::string_view> ages;
  for (auto age : ages_of(place)) ages.push_back(to_string(age));
  std::string text = fmt::format("{}\n| fault | {} | reason |\n|---|", heading(place), fmt::join(ages, " | "));
  for (std::size_t i = 0; i <= ages.size(); ++i) text += "---|";
  text += "\n";
  for (const auto& row : rows) {
    text += fmt::format("| {} | {} | {} |\n", fmt::join(row.faults, "; "), fmt::join(row.cells, " | "),
                        row.reason.empty() ? "" : fmt::format("`{}`", row.reason));
  }
  return text + "\n";
}

// The place's section of docs/fault-matrix.md must be what the test found.
void FaultMatrix::expect_on_page(Place place, const std::vector<Fault>& faults) {
  latchkey::testing::expect_section_written("docs/fault-matrix.md", section_of(place, rows_of(place, faults)));
}

TEST_F(FaultMatrix, ThePageIsMadeOfTokens) {
  expect_on_page(Place::Token, testing::token_faults());
}
TEST_F(FaultMatrix, ThePageIsMadeOfSignIns) {
  expect_on_page(Place::SignIn, testing::token_faults());
}
TEST_F(FaultMatrix, ThePageIsMadeOfUnwraps) {
  expect_on_page(Place::Unwrap, operation_faults(Place::Unwrap));
}
TEST_F(FaultMatrix, ThePageIsMadeOfWraps) {
  expect_on_page(Place::Wrap, operation_faults(Place::Wrap));
}
TEST_F(FaultMatrix, ThePageIsMadeOfValidations) {
  expect_on_page(Place::Get, testing::get_faults());
}

}  // namespace
}  // namespace latchkey::clouds::azure
