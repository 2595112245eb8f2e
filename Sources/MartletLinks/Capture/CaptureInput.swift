public import MartletTrace
import SystemPackage

/// Reads a capture from a file or a pipe, a part at a time: it holds one block and what was read beyond it, however long the
/// capture is.
///
///     var input = try CaptureInput(path: "lan.pcapng")
///     while let packet = try input.next() { show(input.octets(of: packet)) }
public struct CaptureInput: ~Copyable {
  private let path: String
  private let descriptor: FileDescriptor
  private var reader: CaptureReader
  private var window: [UInt8]

  /// Octets that are asked for at once.
  private static var part: Int { 256 << 10 }

  /// - Parameter path: of a pcapng or pcap file, or "-" for standard input.
  public init(path: String) throws(LinkError) {
    let descriptor = try Self.open(path)
    var window: [UInt8] = []
    let reader: CaptureReader
    do throws(LinkError) {
      reader = try Self.begin(path, descriptor, &window)
    } catch {
      Self.close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
    self.reader = reader
    self.window = window
  }

  deinit { Self.close(descriptor) }

  /// What the capture has said of its interfaces so far.
  public var interfaces: [CapturedInterface] { reader.interfaces }

  /// The next packet; nil: there is none. Throws where the capture breaks off or makes no sense: what came before is good.
  public mutating func next() throws(LinkError) -> CapturedPacket? {
    while true {
      var problem: CaptureError?
      do throws(CaptureError) {
        if let packet = try Self.next(of: &reader, in: window) { return packet }
      } catch {
        problem = error
      }
      if problem?.isForGood != true, try readMore() { continue }
      guard let problem else { return nil }
      throw Self.refusal(path, problem)
    }
  }

  /// The octets of the packet that `next` returned last.
  public func octets<R>(of packet: CapturedPacket, _ body: (RawSpan) -> R) -> R {
    body(window.span.bytes.extracting(packet.octets))
  }

  // Two arguments, because a span of one property would hold all of `self`.
  private static func next(
    of reader: inout CaptureReader, in window: [UInt8]
  ) throws(CaptureError) -> CapturedPacket? {
    try reader.next(in: window.span.bytes)
  }

  private mutating func readMore() throws(LinkError) -> Bool {
    window.removeFirst(reader.letGo())
    return try Self.read(path, descriptor, &window)
  }

  /// Reads until it is clear what the file is.
  private static func begin(
    _ path: String, _ descriptor: FileDescriptor, _ window: inout [UInt8]
  ) throws(LinkError) -> CaptureReader {
    while true {
      let hasMore = try read(path, descriptor, &window)
      do throws(CaptureError) {
        return try CaptureReader(window.span.bytes)
      } catch {
        if !error.isForGood, hasMore { continue }
        throw refusal(path, error)
      }
    }
  }

  /// Appends a part. False: there is no more.
  private static func read(
    _ path: String, _ descriptor: FileDescriptor, _ window: inout [UInt8]
  ) throws(LinkError) -> Bool {
    let before = window.count
    window.append(contentsOf: repeatElement(0, count: part))
    var count = 0
    var failure: Errno?
    window.withUnsafeMutableBytes { octets in
      do {
        count = try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: octets[before...]))
      } catch {
        failure = (error as? Errno) ?? Errno(rawValue: 0)
      }
    }
    window.removeLast(part - count)
    if let failure { throw LinkError(failed: "Cannot read \(path)", failure) }
    return count > 0
  }

  private static func open(_ path: String) throws(LinkError) -> FileDescriptor {
    guard path != "-" else { return .standardInput }
    do {
      return try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
    } catch {
      throw LinkError(failed: "Cannot read \(path)", (error as? Errno) ?? Errno(rawValue: 0))
    }
  }

  private static func close(_ descriptor: FileDescriptor) {
    if descriptor != .standardInput { try? descriptor.close() }
  }

  private static func refusal(_ path: String, _ error: CaptureError) -> LinkError {
    LinkError(.badCapture, "\(path): \(error)")
  }
}

extension CaptureError {
  /// More octets change nothing.
  fileprivate var isForGood: Bool {
    if case .truncated = self { false } else { true }
  }
}
