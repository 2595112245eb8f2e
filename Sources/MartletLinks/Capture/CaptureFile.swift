import MartletStack
import MartletTCP
import MartletTrace
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A pcapng file that grows, for Wireshark: what one or several links carry, by `CaptureTap` or by hand.
///
/// A full disk ends the capture and nothing else: what was written until then is a sound file.
public final class CaptureFile {
  private let descriptor: FileDescriptor
  private var writer: PcapngWriter
  private var interfaces: [PcapngInterfaceID] = []
  private var pending: [UInt8] = []
  /// Why nothing is written any more; nil: all is well.
  public private(set) var failure: Errno?

  /// Begins a file, in place of one that may be there.
  ///
  /// - Parameters:
  ///   - interface: what the link is called.
  ///   - isEthernet: its packets are frames.
  ///   - epoch: nanoseconds from 1970 to `Instant.origin`. Of a link on the system's monotonic clock, unless given.
  public init(
    path: String, interface: String, isEthernet: Bool = false, epoch: UInt64 = CaptureFile.systemEpoch
  ) throws(LinkError) {
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
    } catch {
      throw LinkError(failed: "Cannot write \(path)", (error as? Errno) ?? Errno(rawValue: 0))
    }
    writer = PcapngWriter(into: &pending, application: "martlet", epoch: epoch)
    addInterface(interface, isEthernet: isEthernet)
  }

  /// One more link. Returns which of them it is; the first is 0.
  @discardableResult
  public func addInterface(_ name: String, isEthernet: Bool = false) -> Int {
    interfaces.append(
      writer.add(PcapngInterface(isEthernet ? .ethernet : .rawIP, name: name), into: &pending))
    return interfaces.count - 1
  }

  deinit {
    flush()
    try? descriptor.close()
  }

  /// Nanoseconds from 1970 to the origin of the system's monotonic clock.
  public static var systemEpoch: UInt64 {
    func read(_ clock: clockid_t) -> UInt64 {
      var time = timespec()
      clock_gettime(clock, &time)
      return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
    return read(CLOCK_REALTIME) &- read(CLOCK_MONOTONIC)
  }

  /// A checksum that a device is to complete is completed in the file, so that it shows what the packet would be on a
  /// wire; what a device is to cut stays whole.
  ///
  /// - Parameters:
  ///   - interface: which of the links; one that there is not has nothing to tell.
  ///   - comment: what a reader is to see beside the packet; empty: nothing.
  public func add(
    _ direction: PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata = PacketMetadata(),
    on interface: Int = 0, comment: String = "", at now: Instant
  ) {
    guard failure == nil, interfaces.indices.contains(interface) else { return }
    let interface = interfaces[interface]
    let way: MartletTrace.PacketDirection = direction == .received ? .inbound : .outbound
    if let sum = metadata.completedChecksum(of: packet) {
      var whole = packet.withUnsafeBytes { [UInt8]($0) }
      whole[sum.place] = UInt8(sum.field >> 8)
      whole[sum.place + 1] = UInt8(sum.field & 0xff)
      writer.write(
        whole.span.bytes, at: now, on: interface, direction: way, comment: comment, into: &pending)
    } else {
      writer.write(packet, at: now, on: interface, direction: way, comment: comment, into: &pending)
    }
    if pending.count > 1 << 20 { flush() }
  }

  /// Writes what there is.
  public func flush() {
    guard !pending.isEmpty, failure == nil else { return }
    do {
      try descriptor.writeAll(pending)
    } catch {
      failure = (error as? Errno) ?? Errno(rawValue: 0)
    }
    pending.removeAll(keepingCapacity: failure == nil)
  }
}

/// Puts every packet of a link into a capture, if there is one: `TappedLink(link, tap: CaptureTap(file: capture))`.
public struct CaptureTap: PacketTap {
  public let file: CaptureFile?

  public init(file: CaptureFile?) { self.file = file }

  public func observe(
    _ direction: PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    file?.add(direction, packet, metadata, at: now)
  }
}
