// Sends requests to 127.0.0.1 at a constant rate, whether or not the server keeps up, and writes how long each took.
//   latchkey_constant_rate PORT CONNECTIONS RATE SECONDS REQUESTS LOG
// REQUESTS has the bytes of one or more HTTP requests, each after its length and a newline; they are sent in turn. LOG
// gets a line for each, in microseconds: how long it took to the end of its response, and how late this program was to
// send it. A request takes its time from when it is due, so one that finds all connections busy waits for one, and that
// counts; but where this program itself is late, for the system let it sleep on, that does not. All responses must be
// 200.
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

constexpr auto kLongestWait = std::chrono::seconds(10);
constexpr std::size_t kNone = SIZE_MAX;

void require(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

struct Connection {
  int socket = -1;
  std::size_t request = kNone;  // the one under way on it
  Clock::time_point free_since;
  std::string received;
};

// The length of the whole response whose beginning this is; 0 while its head is not whole.
std::size_t response_length(std::string_view received) {
  auto end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  auto head = received.substr(0, end);
  require(head.starts_with("HTTP/1.1 200 "), "the response is not 200: " + std::string(received));
  constexpr std::string_view kName = "\r\ncontent-length: ";
  for (std::size_t at = 0; at + kName.size() < head.size(); ++at) {
    if (::strncasecmp(head.data() + at, kName.data(), kName.size()) != 0) continue;
    std::size_t length = 0;
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), length);
    return end + 4 + length;
  }
  throw std::runtime_error("the response has no content-length");
}

std::vector<std::string> read_requests(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> requests;
  for (std::size_t length = 0; file >> length;) {
    file.get();
    requests.emplace_back(length, '\0');
    file.read(requests.back().data(), static_cast<std::streamsize>(length));
    require(file.good(), "the file of requests is cut short");
  }
  require(!requests.empty(), "there are no requests");
  return requests;
}

int connected(std::uint16_t port) {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "cannot connect");
  int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return socket;
}

class Load {
 public:
  Load(std::uint16_t port, std::size_t connections, double rate, double seconds, std::vector<std::string> requests)
      : requests_(std::move(requests)),
        rate_(rate),
        times_(static_cast<std::size_t>(rate * seconds)),
        connections_(connections) {
    for (auto& connection : connections_) {
      connection.socket = connected(port);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) == 0, "cannot watch a connection");
      free_.push_back(&connection);
    }
  }

  void run() {
    began_ = Clock::now();
    while (finished_ < times_.size()) {
      // The connection that was free for longest is next, so that all are used.
      while (sent_ < times_.size() && !free_.empty() && due(sent_) <= Clock::now()) {
        auto& connection = *free_.front();
        free_.pop_front();
        begin(connection, sent_++);
      }
      wait();
    }
  }

  void write_log(const char* path) const {
    std::ofstream log(path);
    auto us = [](Nanoseconds time) { return static_cast<double>(time.count()) / 1e3; };
    for (const auto& [took, late] : times_) log << us(took) << ' ' << us(late) << '\n';
    require(log.flush().good(), "the log cannot be written");
  }

 private:
  struct Times {
    Nanoseconds took{};
    Nanoseconds late{};
  };

  [[nodiscard]] Clock::time_point due(std::size_t request) const {
    return began_ + Nanoseconds(static_cast<std::int64_t>(static_cast<double>(request) * 1e9 / rate_));
  }

  void begin(Connection& connection, std::size_t request) {
    times_[request].late = Clock::now() - std::max(due(request), connection.free_since);
    connection.request = request;
    const auto& bytes = requests_[request % requests_.size()];
    // Requests are far smaller than a socket's room, which is empty here.
    require(::send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
            "a request was not sent at once");
  }

  // Sleeps, and does not spin: what the measurement has beside it may need the core.
  void wait() {
    bool next = sent_ < times_.size() && !free_.empty();
    auto left = next ? std::max(Nanoseconds(0), Nanoseconds(due(sent_) - Clock::now())) : Nanoseconds(kLongestWait);
    timespec timeout{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    epoll_event events[64];
    int ready = ::epoll_pwait2(epoll_, events, 64, &timeout, nullptr);
    require(ready > 0 || (ready == 0 && next), "no response came in time");
    for (int at = 0; at < ready; ++at) receive(*static_cast<Connection*>(events[at].data.ptr));
  }

  void receive(Connection& connection) {
    char bytes[65536];
    auto length = ::recv(connection.socket, bytes, sizeof bytes, 0);
    require(length > 0, "the server closed a connection");
    connection.received.append(bytes, static_cast<std::size_t>(length));
    auto whole = response_length(connection.received);
    if (whole == 0 || connection.received.size() < whole) return;
    require(connection.received.size() == whole && connection.request != kNone, "more came than was asked");
    connection.free_since = Clock::now();
    auto& times = times_[connection.request];
    times.took = connection.free_since - due(connection.request) - times.late;
    connection.request = kNone;
    connection.received.clear();
    ++finished_;
    free_.push_back(&connection);
  }

  std::vector<std::string> requests_;
  double rate_;
  std::vector<Times> times_;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;
  int epoll_ = ::epoll_create1(0);
  Clock::time_point began_;
  std::size_t sent_ = 0;
  std::size_t finished_ = 0;
};

}  // namespace

int main(int count, char** arguments) try {
  require(count == 7, "PORT CONNECTIONS RATE SECONDS REQUESTS LOG");
  // By default the system may wake us 50 µs late.
  ::prctl(PR_SET_TIMERSLACK, 1);
  Load load(static_cast<std::uint16_t>(std::atoi(arguments[1])), std::strtoul(arguments[2], nullptr, 10),
            std::atof(arguments[3]), std::atof(arguments[4]), read_requests(arguments[5]));
  auto began = Clock::now();
  load.run();
  std::printf("%.6f\n", std::chrono::duration<double>(Clock::now() - began).count());
  load.write_log(arguments[6]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "latchkey_constant_rate: %s\n", error.what());
  return 1;
}
