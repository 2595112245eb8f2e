#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file or directory, closed with this value.
package struct OpenFile: ~Copyable {
  package let descriptor: Int32
  private let status: stat

  /// Nil, and closed, when it cannot be examined.
  init?(owning descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    self.status = status
  }

  deinit { close(descriptor) }

  /// Gives the descriptor away.
  consuming func release() -> Int32 {
    let descriptor = descriptor
    discard self
    return descriptor
  }

  package var isDirectory: Bool { status.st_mode & S_IFMT == S_IFDIR }
  package var isRegular: Bool { status.st_mode & S_IFMT == S_IFREG }
  /// Octets, when it was opened.
  package var count: UInt64 { UInt64(max(status.st_size, 0)) }
  /// Seconds since 1970.
  package var modified: Int { status.st_mtim.tv_sec }

  /// Reads from `offset` into the start of `room`, up to `limit` octets; 0 at the end, nil on failure.
  func read(at offset: UInt64, limit: Int, into room: inout MutableRawSpan) -> Int? {
    let descriptor = descriptor
    return room.withUnsafeMutableBytes { room in
      while true {
        let count = pread(descriptor, room.baseAddress, min(limit, room.count), off_t(clamping: offset))
        if count >= 0 { return count }
        guard errno == EINTR else { return nil }
      }
    }
  }
}

extension [UInt8] {
  /// The octets as the system takes a file name: ended by NUL.
  func withPath<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    let characters = map(CChar.init(bitPattern:)) + [0]
    return characters.withUnsafeBufferPointer { pointer in
      // An array with an element has an address.
      pointer.baseAddress.map(body) ?? "".withCString(body)
    }
  }
}
