#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How much of a large file has been read, for somebody at a terminal.
struct ReadingProgress {
  /// Octets of the file; 0: nobody knows, or nobody wants to.
  private let size: UInt64

  init(_ path: String) {
    var information = stat()
    guard OutputStream.error.isTerminal, path != "-", stat(path, &information) == 0,
      information.st_size > 32 << 20
    else {
      size = 0
      return
    }
    size = UInt64(information.st_size)
  }

  /// - Parameter octets: of packets, so a little less than was read.
  func show(_ octets: UInt64) {
    guard size > 0 else { return }
    let done = min(40, Int(octets * 40 / size))
    let bar = String(repeating: "█", count: done) + String(repeating: "░", count: 40 - done)
    OutputStream.error.write("\r\(bar) \(min(100, octets * 100 / size)) %")
  }

  func end() {
    if size > 0 { OutputStream.error.write("\r\u{1b}[K") }
  }
}
