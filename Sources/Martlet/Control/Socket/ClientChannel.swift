import MartletLinks
import MartletTCP
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A connected stream to somebody who may send garbage, never read, or go away, from a thread that may wait for him, but
/// only for so long.
final class ClientChannel: Sendable {
  let descriptor: FileDescriptor
  private let requestLimit: Int
  private let patience: TimeAmount
  private let cut = Atomic<Bool>(false)

  /// Takes the descriptor over.
  init(_ descriptor: FileDescriptor, requestLimit: Int, patience: TimeAmount) {
    self.descriptor = descriptor
    self.requestLimit = requestLimit
    self.patience = patience
    _ = fcntl(descriptor.rawValue, F_SETFL, fcntl(descriptor.rawValue, F_GETFL) | O_NONBLOCK)
    #if canImport(Darwin)
      var one: Int32 = 1
      setsockopt(descriptor.rawValue, SOL_SOCKET, SO_NOSIGPIPE, &one, socklen_t(MemoryLayout<Int32>.size))
    #endif
  }

  deinit { try? descriptor.close() }

  /// Whoever waits at it is let go.
  func cutOff() {
    cut.store(true, ordering: .releasing)
    shutdown(descriptor.rawValue, Int32(SHUT_RDWR))
  }

  var isCutOff: Bool { cut.load(ordering: .acquiring) }

  // MARK: Reading

  /// Lines that have come, cut at line feeds.
  struct LineReader {
    fileprivate var pending: [UInt8] = []
    fileprivate var isAtEnd = false
  }

  enum LineError: Error {
    /// The client is gone, or has said nothing for too long.
    case gone
    /// More octets than a request may have.
    case tooLong
  }

  /// The next line without its end; nil: no more come. Waits for so long at most.
  func readLine(_ reader: inout LineReader, within limit: TimeAmount) throws(LineError) -> String? {
    let end = SystemClock.now.advanced(by: limit)
    while true {
      if let feed = reader.pending.firstIndex(of: UInt8(ascii: "\n")) {
        guard feed <= requestLimit else { throw .tooLong }
        var line = reader.pending[..<feed]
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        let text = String(decoding: line, as: UTF8.self)
        reader.pending.removeFirst(feed + 1)
        return text
      }
      guard reader.pending.count <= requestLimit else { throw .tooLong }
      if reader.isAtEnd {
        guard !reader.pending.isEmpty else { return nil }
        // The last line needs no end.
        reader.pending.append(UInt8(ascii: "\n"))
        continue
      }
      let now = SystemClock.now
      guard now < end else { throw .gone }
      try fill(&reader, within: end.since(now))
    }
  }

  private func fill(_ reader: inout LineReader, within limit: TimeAmount) throws(LineError) {
    guard wait(for: descriptor, orUntil: limit) else { return }
    var room = [UInt8](repeating: 0, count: 1_024)
    let count = read(descriptor.rawValue, &room, room.count)
    if count > 0 {
      reader.pending += room[..<count]
    } else if count == 0 {
      reader.isAtEnd = true
    } else if errno != EAGAIN && errno != EINTR {
      throw .gone
    }
  }

  /// What the client does while it is sent something without end.
  enum Sign { case nothing, hasSpoken, hasEnded }

  /// Looks without waiting.
  func look(_ reader: inout LineReader) -> Sign {
    var room: [UInt8] = [0]
    let count = recv(descriptor.rawValue, &room, 1, Int32(messagePeek | messageDontWait))
    if count > 0 { return .hasSpoken }
    if count == 0 {
      reader.isAtEnd = true
      return .hasEnded
    }
    return errno == EAGAIN || errno == EINTR ? .nothing : .hasEnded
  }

  // MARK: Writing

  /// Sends all of it. Throws when the client is gone, or has taken nothing for too long.
  func send(_ octets: [UInt8]) throws(ControlError) {
    var done = 0
    while done < octets.count {
      let count = octets.withUnsafeBytes { bytes in
        systemSend(
          descriptor.rawValue, bytes.baseAddress.map { $0 + done }, bytes.count - done, messageNoSignal)
      }
      if count > 0 {
        done += count
        continue
      }
      guard count < 0, errno == EAGAIN || errno == EINTR else { throw .gone }
      guard wait(for: descriptor, toWrite: true, orUntil: patience) else { throw .gone }
    }
  }

  func send(_ text: String) throws(ControlError) { try send(Array(text.utf8)) }
}

/// Waits until a descriptor is readable, or writable, but only for so long. False: it is not.
@discardableResult
func wait(for descriptor: FileDescriptor, toWrite: Bool = false, orUntil limit: TimeAmount) -> Bool {
  var watched = pollfd(
    fd: descriptor.rawValue, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0)
  return poll(&watched, 1, Int32(clamping: (max(limit.nanoseconds, 0) &+ 999_999) / 1_000_000)) > 0
}

/// Waits for either of two descriptors.
func wait(for one: FileDescriptor, or other: FileDescriptor, until limit: TimeAmount) {
  var watched = [
    pollfd(fd: one.rawValue, events: Int16(POLLIN), revents: 0),
    pollfd(fd: other.rawValue, events: Int16(POLLIN), revents: 0),
  ]
  poll(&watched, 2, Int32(clamping: (max(limit.nanoseconds, 0) &+ 999_999) / 1_000_000))
}

#if canImport(Darwin)
  private let messagePeek = MSG_PEEK
  private let messageDontWait = MSG_DONTWAIT
  private let messageNoSignal: Int32 = 0
#elseif canImport(Musl)
  private let messagePeek = MSG_PEEK
  private let messageDontWait = MSG_DONTWAIT
  private let messageNoSignal = Int32(MSG_NOSIGNAL)
#else
  private let messagePeek = Int32(truncatingIfNeeded: MSG_PEEK)
  private let messageDontWait = Int32(truncatingIfNeeded: MSG_DONTWAIT)
  private let messageNoSignal = Int32(truncatingIfNeeded: MSG_NOSIGNAL)
#endif

private func systemSend(_ fd: Int32, _ octets: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
  send(fd, octets, count, flags)
}
