import MartletStack
import MartletTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that always shows how a stack is: JSON lines, replaced as a whole, so that a reader
/// never sees half of it. It is written when a state changes, and every 100 ms while anything does.
struct StatusFile: ~Copyable {
  private let path: String
  private var fingerprint: Int?
  private var written = Instant.origin
  private var wasQuiet = false

  static let interval = TimeAmount.milliseconds(100)
  /// With more flows than this only the interval counts: to look costs as much as they are many.
  private static let watchedFlows = 64

  init(_ path: String) {
    self.path = path
  }

  /// To be called after every turn.
  mutating func update(_ stack: borrowing NetworkStack, _ now: Instant) throws(SpecificationError) {
    let isDue = now.since(written) >= Self.interval
    let held = stack.held
    guard isDue || held.connections + held.timeWait + held.halfOpen <= Self.watchedFlows else { return }
    let fingerprint = StatusTable.fingerprint(stack, now)
    guard isDue || fingerprint != self.fingerprint else { return }
    self.fingerprint = fingerprint
    written = now
    try write(StatusTable(stack, now).json)
  }

  /// Writes how it is now, whatever was written before.
  mutating func writeLast(_ stack: borrowing NetworkStack, _ now: Instant) throws(SpecificationError) {
    try write(StatusTable(stack, now).json)
  }

  private func write(_ text: String) throws(SpecificationError) {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw SpecificationError(
        "Cannot write \(temporary): \(String(cString: strerror(errno))). Name another --status-file.")
    }
    OutputStream(descriptor: descriptor).write(text)
    close(descriptor)
    guard rename(temporary, path) == 0 else {
      throw SpecificationError(
        "Cannot write \(path): \(String(cString: strerror(errno))). Name another --status-file.")
    }
  }
}
