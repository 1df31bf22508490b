// Begins requests, and events that end their access, at chosen turns of the loop, and checks what the responses may
// then hold: the fixture of interleaving_test.cpp.
#pragma once

#include <ranges>
#include <variant>

#include <gmock/gmock.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api::testing {

enum class Door { Encrypt, Decrypt, EncryptBatch, DecryptBatch, Lease, StreamLease, FirstKey };
inline constexpr Door kDoors[] = {Door::Encrypt, Door::Decrypt,     Door::EncryptBatch, Door::DecryptBatch,
                                  Door::Lease,   Door::StreamLease, Door::FirstKey};

enum class Event { Refusal, Suspension, Shredding, Eviction, RevokedKey, ArchivedWorkspace };
inline constexpr Event kEvents[] = {Event::Refusal,  Event::Suspension, Event::Shredding,
                                    Event::Eviction, Event::RevokedKey, Event::ArchivedWorkspace};

inline std::string name_of(Door door) {
  constexpr std::string_view kNames[] = {"encrypt", "decrypt",      "encrypt_batch", "decrypt_batch",
                                         "lease",   "stream lease", "first key"};
  return std::string(kNames[static_cast<std::size_t>(door)]);
}
inline std::string name_of(Event event) {
  constexpr std::string_view kNames[] = {"refusal",  "suspension",  "shredding",
                                         "eviction", "revoked key", "archived workspace"};
  return std::string(kNames[static_cast<std::size_t>(event)]);
}

enum class Start { Cold, Warm };

// A request or an event begins once so many turns of the loop have passed.
struct Step {
  int turn;
  std::variant<Door, Event> what;
};

struct Script {
  Start start;
  int lingering = 3;  // turns that an operation of the key takes at least
  std::vector<Step> steps;
  bool slow = false;  // as where a body takes its time: the API key is looked up once more behind the work

  [[nodiscard]] bool has(Event event) const {
    return std::ranges::any_of(steps, [&](const Step& step) { return step.what == std::variant<Door, Event>(event); });
  }
  [[nodiscard]] bool has(Door door) const {
    return std::ranges::any_of(steps, [&](const Step& step) { return step.what == std::variant<Door, Event>(door); });
  }
  [[nodiscard]] std::string text() const {
    std::string text = start == Start::Cold ? "cold" : "warm";
    if (slow) text += ", slow";
    text += ", lingering " + std::to_string(lingering);
    for (const auto& step : steps) {
      auto name = std::visit([](auto what) { return name_of(what); }, step.what);
      text += "; " + name + " after turn " + std::to_string(step.turn);
    }
    return text;
  }
};

class InterleavingTest : public ::testing::Test {
 protected:
  struct Place {
    store::Workspace workspace;
    std::string ciphertext, data_key_id;  // empty where nothing was encrypted yet
  };
  struct Asked {
    Door door;
    std::optional<ApiResponse> response;
    std::vector<Event> before;  // the events that were over when the response came
    int unwraps = 0;            // until then
  };
  struct Happening {
    Event event;
    bool done = false;
    int asked = 0;  // of the key until it was done
  };

  InterleavingTest() {
    auto locked = fixture.make_locked_workspace();
    external_key = *locked.external_key_id;
    service = make_caller(store::Role::Service);
    common = used(std::move(locked));
    // Never warm where a play begins: whoever asks for its data asks the key.
    sibling = used(attached("Sibling"));
  }

  struct ApiKey {
    std::string id, secret;
  };
  ApiKey make_caller(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    auto made = fixture.run(
        fixture.credentials->create_api_key(fixture.own.organization.id, role, "caller", std::move(workspace)));
    return {made.value().row.id, made.value().secret};
  }
  store::Workspace attached(std::string name) {
    auto made = fixture.make_workspace(std::move(name));
    return fixture.attach(made.id, external_key).value();
  }
  Place used(store::Workspace workspace) {
    auto path = path_of(workspace, "/encrypt");
    auto sealed = fixture.call("POST", path, service.secret, R"({"plaintext":"aGVsbG8="})");
    EXPECT_EQ(sealed.status, 200U) << sealed.body;
    return {std::move(workspace), sealed.text("/ciphertext"), sealed.text("/data_key_id")};
  }
  static std::string path_of(const store::Workspace& workspace, std::string_view tail) {
    return "/v1/workspaces/" + workspace.id + std::string(tail);
  }

  [[nodiscard]] static http::Request request_of(Door door, const Place& place, const std::string& key) {
    auto post = [&](std::string_view tail, std::string body = "") {
      return ApiFixture::request("POST", path_of(place.workspace, tail), key, std::move(body));
    };
    auto item = R"({"ciphertext":")" + place.ciphertext + R"("})";
    switch (door) {
      case Door::Encrypt:
      case Door::FirstKey:
        return post("/encrypt", R"({"plaintext":"aGVsbG8="})");
      case Door::Decrypt:
        return post("/decrypt", item);
      case Door::EncryptBatch:
        return post("/encrypt_batch", R"({"items":[{"plaintext":"aGVsbG8="}]})");
      case Door::DecryptBatch:
        return post("/decrypt_batch", R"({"items":[)" + item + "," + item + "]}");
      case Door::Lease:
        return post("/data_keys");
      case Door::StreamLease:
        return post("/data_keys/" + place.data_key_id + "/unwrap");
    }
    return {};
  }

  [[nodiscard]] int asks() const { return fixture.provider.wraps + fixture.provider.unwraps; }
  // One of those that began after the first so many.
  [[nodiscard]] bool is_underway(std::size_t after = 0) const {
    return std::ranges::any_of(happenings | std::views::drop(after), [](const auto& one) { return !one->done; });
  }

  template <class Work>
  void spawn(Work work) {
    boost::asio::co_spawn(fixture.context, std::move(work), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  void ask(Door door, const Place& place, const std::string& key) {
    asked.push_back(std::make_unique<Asked>(Asked{door, std::nullopt, {}, 0}));
    spawn(wait_for(request_of(door, place, key), *asked.back()));
  }
  Task<void> wait_for(http::Request request, Asked& one) {
    auto admission = co_await fixture.service.admit(request);
    if (slow) fixture.clock.advance(std::chrono::milliseconds(100));
    http::Response response;
    if (admission.refusal) {
      response = std::move(*admission.refusal);
    } else {
      request.admitted = std::move(admission.call);
      response = co_await fixture.service.handle(request);
    }
    one.unwraps = fixture.provider.unwraps;
    for (const auto& happening : happenings) {
      if (happening->done) one.before.push_back(happening->event);
    }
    one.response = ApiFixture::read(std::move(response));
  }
  void begin(Event event) {
    happenings.push_back(std::make_unique<Happening>(Happening{event}));
    auto& one = *happenings.back();
    if (event == Event::Eviction) {
      fixture.keyring.evict(external_key);
      end(one);
    } else {
      spawn(happen(one));
    }
  }
  void end(Happening& one) {
    one.asked = one.event == Event::Eviction ? fixture.provider.unwraps : asks();
    one.done = true;
  }
  Task<void> happen(Happening& one) {
    switch (one.event) {
      case Event::Refusal:
        fixture.provider.disabled_versions.insert("version-1");
        // Somebody else hears it.
        co_await hear_a_refusal();
        break;
      case Event::Suspension:
        co_await administer("/v1/organizations/external_keys/" + external_key + "/suspend", "");
        break;
      case Event::Shredding:
        for (const auto* place : {&usual, &fresh}) {
          if (place->workspace.id.empty()) continue;
          auto path = "/v1/organizations/workspaces/" + place->workspace.id;
          co_await administer(path + "/archive", "");
          co_await administer(path + "/shred", R"({"name":")" + place->workspace.name + R"("})");
        }
        break;
      case Event::ArchivedWorkspace:
        for (const auto* place : {&usual, &fresh}) {
          if (place->workspace.id.empty()) continue;
          co_await administer("/v1/organizations/workspaces/" + place->workspace.id + "/archive", "");
        }
        break;
      case Event::RevokedKey:
        for (const auto& key : callers) {
          auto revoked = co_await fixture.credentials->revoke_api_key(fixture.own.organization.id, key);
          EXPECT_TRUE(revoked);
        }
        break;
      case Event::Eviction:
        break;
    }
    end(one);
  }
  Task<void> hear_a_refusal() {
    auto request = request_of(Door::Decrypt, sibling, service.secret);
    auto response = co_await fixture.service.handle(request);
    EXPECT_NE(response.status, 200U);
  }
  Task<void> administer(std::string path, std::string body) {
    auto request = ApiFixture::request("POST", path, fixture.admin_key, std::move(body));
    auto response = co_await fixture.service.handle(request);
    EXPECT_EQ(response.status, 200U) << path << response.body;
  }

  // Each operation of the key takes a few turns, and one that an event overtakes lasts until that is done.
  Task<void> linger() {
    fixture.provider.interruption = [this] { return linger(); };
    auto executor = co_await boost::asio::this_coro::executor;
    auto known = happenings.size();
    for (int i = 0; i < lingering || (is_underway(known)); ++i) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
  }

  void set_up(const Script& script) {
    fixture.settle();
    fixture.keyring.evict(external_key);
    asked.clear();
    happenings.clear();
    lingering = script.lingering;
    slow = script.slow;
    bool for_good = script.has(Event::Shredding) || script.has(Event::ArchivedWorkspace);
    usual = for_good ? used(attached("Usual")) : common;
    fresh = script.has(Door::FirstKey) ? Place{attached("Fresh"), "", ""} : Place{};
    callers.clear();
    usual_key = fresh_key = service.secret;
    if (script.has(Event::RevokedKey) || script.has(Event::ArchivedWorkspace)) {
      // The one by its workspace's key, as archiving ends those alone.
      for (auto [place, secret] : {std::pair{&usual, &usual_key}, std::pair{&fresh, &fresh_key}}) {
        if (place->workspace.id.empty()) continue;
        auto key = make_caller(store::Role::Workspace, place->workspace.id);
        callers.push_back(key.id);
        *secret = key.secret;
      }
    }
    fixture.keyring.evict(external_key);
    if (script.start == Start::Warm) {
      auto request = request_of(Door::Decrypt, usual, service.secret);
      EXPECT_EQ(fixture.send(std::move(request)).status, 200U);
    }
    fixture.provider.interruption = [this] { return linger(); };
  }
  void clear_up(const Script& script) {
    fixture.settle();
    fixture.provider.interruption = nullptr;
    fixture.provider.disabled_versions.clear();
    fixture.keyring.evict(external_key);
    if (!script.has(Event::Suspension)) return;
    EXPECT_EQ(fixture.post("/v1/organizations/external_keys/" + external_key + "/resume").status, 200U);
  }

  // Plays it to its end, and says whether a request was under way when the first event began.
  bool play(const Script& script) {
    SCOPED_TRACE(script.text());
    set_up(script);
    fixture.context.restart();
    auto busy = boost::asio::make_work_guard(fixture.context);
    auto all_done = [&] {
      return std::ranges::all_of(asked, [](const auto& one) { return one->response.has_value(); }) && !is_underway();
    };
    bool under_way = false;
    auto next = script.steps.begin();
    for (int turn = 0; next != script.steps.end() || !all_done(); ++turn) {
      for (; next != script.steps.end() && (next->turn <= turn || all_done()); ++next) {
        if (const auto* door = std::get_if<Door>(&next->what)) {
          bool first = *door == Door::FirstKey;
          ask(*door, first ? fresh : usual, first ? fresh_key : usual_key);
        } else {
          under_way = under_way || !all_done();
          begin(std::get<Event>(next->what));
        }
      }
      if (!all_done()) fixture.context.run_one();
    }
    busy.reset();
    fixture.settle();
    for (const auto& one : asked) check(*one);
    for (const auto& one : happenings) {
      if (one->event != Event::Suspension) continue;
      EXPECT_EQ(asks(), one->asked) << "the key was asked after the suspension";
    }
    clear_up(script);
    return under_way;
  }

  static bool hands_out(const ApiResponse& response) {
    auto has = [&](std::string_view text) { return response.body.find(text) != std::string::npos; };
    return has("aGVsbG8=") || has("\"ciphertext\"") || has("\"plaintext_key\"");
  }
  void check(const Asked& one) const {
    const auto& response = *one.response;
    SCOPED_TRACE(name_of(one.door) + ": " + std::to_string(response.status) + " " + response.body);
    for (auto event : one.before) {
      if (event != Event::Eviction) {
        EXPECT_FALSE(hands_out(response)) << "after the " << name_of(event);
        continue;
      }
      auto evicted = std::ranges::find_if(happenings, [](const auto& h) { return h->event == Event::Eviction; });
      if (hands_out(response)) {
        EXPECT_GT(one.unwraps, (*evicted)->asked) << "by a lease from before the eviction";
      }
    }
    // Of several, one that is half done may have been met first.
    if (one.before.size() == 1 && happenings.size() == 1) check_reason(one, one.before.front());
  }
  // A batch of decryptions tells of each item in its place, where it was begun before.
  static void check_reason(const Asked& one, Event event) {
    const auto& response = *one.response;
    bool refused = response.status == 400 || (one.door == Door::DecryptBatch && response.status == 200);
    switch (event) {
      case Event::Refusal:
        EXPECT_TRUE(refused);
        EXPECT_THAT(response.body, ::testing::HasSubstr("\"key_disabled\""));
        return;
      case Event::Suspension:
        EXPECT_TRUE(refused);
        EXPECT_THAT(response.body, ::testing::HasSubstr("\"suspended\""));
        return;
      case Event::Shredding:
        EXPECT_TRUE(refused);
        EXPECT_THAT(response.body,
                    ::testing::AnyOf(::testing::HasSubstr("destroyed"), ::testing::HasSubstr("archived")));
        return;
      case Event::ArchivedWorkspace:
        // It may have met the workspace's end before the key's.
        if (response.status == 400 && response.body.find("is archived") != std::string::npos) return;
        [[fallthrough]];
      case Event::RevokedKey:
        EXPECT_EQ(response.status, 401U);
        EXPECT_FALSE(response.headers.has("anthropic-organization-id"));
        return;
      case Event::Eviction:
        return;
    }
  }

  ApiFixture fixture;
  std::string external_key;
  ApiKey service;
  Place common, sibling;
  // Of the play.
  Place usual, fresh;
  std::string usual_key, fresh_key;
  std::vector<std::string> callers;
  int lingering = 3;
  bool slow = false;
  std::vector<std::unique_ptr<Asked>> asked;
  std::vector<std::unique_ptr<Happening>> happenings;
};

}  // namespace latchkey::api::testing
