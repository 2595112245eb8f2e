import ArgumentParser
import MartletLinks

/// Ends a command with the exit status that belongs to what went wrong, and says it.
func reportingFailures(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as LinkError {
    OutputStream.error.write("Error: \(error.message)\n")
    throw error.code == .noPermission ? ExitStatus.noPermission : ExitStatus.failed
  } catch let error as SpecificationError {
    OutputStream.error.write("Error: \(error)\n")
    throw ExitStatus.usage
  }
}
