#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Standard output or standard error, unbuffered.
struct OutputStream: Sendable {
  let descriptor: Int32

  static let output = OutputStream(descriptor: STDOUT_FILENO)
  static let error = OutputStream(descriptor: STDERR_FILENO)

  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// A pipe that nobody reads.
  var isBroken: Bool {
    var watched = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&watched, 1, 0) > 0 && Int32(watched.revents) & POLLERR != 0
  }

  /// Whether somebody types what standard input gives.
  static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

  /// Writes what a command was called for: that it did not arrive is a failure.
  func deliver(_ text: String) throws(DeliveryError) {
    guard !write(text) else { return }
    // Whoever has read enough, as "head" does, has not failed.
    if errno == EPIPE { throw DeliveryError(reason: nil) }
    throw DeliveryError(reason: String(cString: strerror(errno)))
  }

  /// Writes all of it, or gives up; false then. `errno` says why.
  @discardableResult
  func write(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { octets in
      var done = 0
      while done < octets.count {
        guard let base = octets.baseAddress else { return false }
        #if canImport(Darwin)
          let count = Darwin.write(descriptor, base + done, octets.count - done)
        #else
          let count = Glibc.write(descriptor, base + done, octets.count - done)
        #endif
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }
}

/// What a command has to say cannot be written.
struct DeliveryError: Error {
  /// Nil: nobody reads it any more.
  let reason: String?
}
