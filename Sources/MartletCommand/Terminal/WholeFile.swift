#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is written at once.
enum WholeFile {
  static func write(_ octets: [UInt8], to path: String) throws(SpecificationError) {
    func failure() -> SpecificationError {
      SpecificationError("Cannot write \(path): \(String(cString: strerror(errno))). Name another file.")
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var done = 0
    while done < octets.count {
      let count = octets[done...].withUnsafeBytes { octets in
        #if canImport(Darwin)
          Darwin.write(descriptor, octets.baseAddress, octets.count)
        #else
          Glibc.write(descriptor, octets.baseAddress, octets.count)
        #endif
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure() }
      done += count
    }
  }
}
