#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file on its way up: written beside its place under another name, and moved there when it
/// is complete, so that nobody ever sees half of it. One that is dropped leaves nothing behind.
struct Upload: ~Copyable {
  private let directory: OpenFile
  private let temporary: String
  private let name: [UInt8]
  private let descriptor: Int32
  private let replaces: Bool
  private var written: UInt64 = 0
  private var failure: Int32 = 0

  /// Begins in `directory`; the name is taken for a file, a new one or one to replace.
  init(in directory: consuming OpenFile, name: [UInt8]) throws(HTTPRefusal) {
    var existing = stat()
    let found = name.withPath { fstatat(directory.descriptor, $0, &existing, AT_SYMLINK_NOFOLLOW) }
    if found == 0 {
      guard existing.st_mode & S_IFMT == S_IFREG else {
        throw HTTPRefusal(.forbidden, "Only a plain file can be replaced.")
      }
    } else if errno != ENOENT {
      throw ServedDirectory.refusal(errno)
    }
    let temporary = ".martlet-upload-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    let descriptor = openat(
      directory.descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ServedDirectory.refusal(errno) }
    self.temporary = temporary
    self.descriptor = descriptor
    self.directory = directory
    self.name = name
    replaces = found == 0
  }

  deinit {
    close(descriptor)
    unlinkat(directory.descriptor, temporary, 0)  // fails when it has been moved to its place
  }

  /// Appends; a failure shows at the end.
  mutating func write(_ octets: RawSpan) {
    guard failure == 0 else { return }
    let (descriptor, start) = (descriptor, written)
    let result: (count: Int, error: Int32) = octets.withUnsafeBytes { octets in
      var done = 0
      while done < octets.count {
        let count = pwrite(
          descriptor, octets.baseAddress.map { $0 + done }, octets.count - done,
          off_t(clamping: start + UInt64(done)))
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return (done, count < 0 ? errno : EIO) }
        done += count
      }
      return (done, 0)
    }
    written += UInt64(result.count)
    failure = result.error
  }

  /// Puts the file in its place and says whether it is new there.
  consuming func finish() throws(HTTPRefusal) -> HTTPStatus {
    guard failure == 0 else {
      throw HTTPRefusal(.internalServerError, "Writing failed: \(String(cString: strerror(failure))).")
    }
    let moved = name.withPath { renameat(directory.descriptor, temporary, directory.descriptor, $0) }
    guard moved == 0 else { throw ServedDirectory.refusal(errno) }
    return replaces ? .ok : .created
  }

}
