import MartletLinks
import SystemPackage

/// A file, or standard input, line by line.
struct LineInput: ~Copyable {
  private let path: String
  private let descriptor: FileDescriptor
  private var pending: [UInt8] = []
  private var start = 0
  /// Nothing comes behind the last line that was given.
  private(set) var isAtEnd = false

  /// A line that is longer is none.
  private static let longest = 1 << 20

  /// - Parameter path: "-": standard input.
  init(path: String) throws {
    self.path = path
    guard path != "-" else {
      descriptor = .standardInput
      return
    }
    do {
      descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
    } catch {
      throw LinkError(.failed, "Cannot open \(path): \(error).")
    }
  }

  deinit { if path != "-" { try? descriptor.close() } }

  /// Without its end; nil: there is no more.
  mutating func next() throws -> String? {
    var searched = start
    while true {
      if let feed = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = feed + 1 }
        return String(decoding: pending[start..<feed], as: UTF8.self)
      }
      if isAtEnd {
        defer { (pending, start) = ([], 0) }
        return start < pending.count ? String(decoding: pending[start...], as: UTF8.self) : nil
      }
      pending.removeFirst(start)
      start = 0
      searched = pending.count
      guard searched <= Self.longest else {
        throw LinkError(.failed, "\(path) has a line of more than \(Self.longest) octets. Is it a text?")
      }
      try readMore()
    }
  }

  private mutating func readMore() throws {
    let old = pending.count
    pending.append(contentsOf: [UInt8](repeating: 0, count: 64 << 10))
    var count = 0
    do {
      count = try pending.withUnsafeMutableBytes { room in
        try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: room[old...]))
      }
    } catch {
      throw LinkError(.failed, "Cannot read \(path): \(error).")
    }
    pending.removeLast(pending.count - old - count)
    isAtEnd = count == 0
  }
}
