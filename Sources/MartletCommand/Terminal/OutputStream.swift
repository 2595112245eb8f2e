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

  /// Writes all of it, or gives up: there is nobody to tell.
  func write(_ text: String) {
    var text = text
    text.withUTF8 { octets in
      var done = 0
      while done < octets.count {
        guard let base = octets.baseAddress else { return }
        #if canImport(Darwin)
          let count = Darwin.write(descriptor, base + done, octets.count - done)
        #else
          let count = Glibc.write(descriptor, base + done, octets.count - done)
        #endif
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        done += count
      }
    }
  }
}
