import Martlet
import MartletLinks
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The asking end of a control socket.
final class ControlClient {
  let path: String
  let descriptor: FileDescriptor
  private var pending: [UInt8] = []
  private var start = 0
  private var isFinished = false
  /// Nobody wants the rest of an answer; asked a few times a second.
  var isUnwanted: () -> Bool = { false }
  /// Called when nothing has come for a quarter of a second.
  var whenIdle: () throws -> Void = {}

  init(at path: String) throws {
    self.path = path
    descriptor = try UnixSocket.connect(to: path)
  }

  deinit { try? descriptor.close() }

  /// What the other end has to say against a request.
  struct Refusal: Error {
    let message: String
  }

  func send(_ request: String) throws {
    do {
      try descriptor.writeAll(Array((request + "\n").utf8))
    } catch {
      throw LinkError(.failed, "\(path) does not listen any more. Is Martlet still running?")
    }
  }

  /// Asks, and calls `body` with each line of the answer and what it says.
  func ask(_ request: String, _ body: (String, JSONValue) throws -> Void) throws {
    try send(request)
    while let line = try readLine() {
      guard let value = JSONParser.parse(Array(line.utf8)) else {
        throw LinkError(.failed, "\(path) does not speak Martlet's protocol. Give the path of its socket.")
      }
      switch value["type"] {
      case .string("end"): return
      case .string("error"):
        guard case .string(let message) = value["message"] else { throw Refusal(message: "It was refused.") }
        throw Refusal(message: message)
      default: try body(line, value)
      }
    }
    throw LinkError(.failed, "\(path) ended in the midst of an answer. Is Martlet still running?")
  }

  /// All objects of an answer.
  func ask(_ request: String) throws -> [JSONValue] {
    var values: [JSONValue] = []
    try ask(request) { values.append($1) }
    return values
  }

  /// What has come, without cutting it into lines; empty: no more comes.
  func readOctets() throws -> [UInt8] {
    if start < pending.count {
      defer { (pending, start) = ([], 0) }
      return Array(pending[start...])
    }
    return try receive()
  }

  /// We send no more: an answer without end ends.
  func finish() {
    isFinished = true
    shutdown(descriptor.rawValue, Int32(SHUT_WR))
  }

  private func readLine() throws -> String? {
    var searched = start
    while true {
      if let feed = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = feed + 1 }
        return String(decoding: pending[start..<feed], as: UTF8.self)
      }
      pending.removeFirst(start)
      start = 0
      searched = pending.count
      let more = try receive()
      guard !more.isEmpty else { return nil }
      pending += more
    }
  }

  private func receive() throws -> [UInt8] {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      // A signal may come just before the wait.
      var watched = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      let isReadable = poll(&watched, 1, 250) > 0
      if !isFinished, Interruption.hasCome || isUnwanted() { finish() }
      guard isReadable else {
        try whenIdle()
        continue
      }
      let count = read(descriptor.rawValue, &room, room.count)
      if count < 0, errno == EINTR { continue }
      return count > 0 ? Array(room[..<count]) : []
    }
  }
}

extension ControlClient.Refusal: CustomStringConvertible {
  var description: String { message }
}
