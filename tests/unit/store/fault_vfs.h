/* SPDX-License-Identifier: MIT */
/* fault_vfs.h - the system's file layer, failing when told to.
 *
 * A fault is data: after `countdown` more calls of its kind, each call fails until
 * it is cleared.  Only files opened through the layer are touched: the database and
 * its WAL.
 */
#ifndef TESTS_UNIT_STORE_FAULT_VFS_H
#define TESTS_UNIT_STORE_FAULT_VFS_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_NONE = -1 };

/* Calls left until the failure; FAULT_NONE: never.  Set by the test, counted down by
 * the writer: relaxed is enough, the queue's lock orders them. */
static atomic_int fault_write = FAULT_NONE, fault_sync = FAULT_NONE;
static int fault_write_rc = SQLITE_IOERR_WRITE;

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind */
};

static sqlite3_vfs *fault_real;

static bool fault_hits(atomic_int *countdown)
{
	int left = atomic_load(countdown);

	if (left == FAULT_NONE)
		return false;
	if (left > 0) {
		atomic_store(countdown, left - 1);
		return false;
	}
	return true;
}

#define REAL(file) (((struct fault_file *)(file))->real)

static int fault_close(sqlite3_file *file)
{
	return REAL(file)->pMethods ? REAL(file)->pMethods->xClose(REAL(file)) : SQLITE_OK;
}

static int fault_read(sqlite3_file *file, void *into, int n, sqlite3_int64 at)
{
	return REAL(file)->pMethods->xRead(REAL(file), into, n, at);
}

static int fault_write_at(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
	if (fault_hits(&fault_write))
		return fault_write_rc;
	return REAL(file)->pMethods->xWrite(REAL(file), from, n, at);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return REAL(file)->pMethods->xTruncate(REAL(file), size);
}

static int fault_fsync(sqlite3_file *file, int flags)
{
	if (fault_hits(&fault_sync))
		return SQLITE_IOERR_FSYNC;
	return REAL(file)->pMethods->xSync(REAL(file), flags);
}

static int fault_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return REAL(file)->pMethods->xFileSize(REAL(file), size);
}

static int fault_lock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xLock(REAL(file), lock);
}

static int fault_unlock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), lock);
}

static int fault_reserved(sqlite3_file *file, int *out)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static int fault_control(sqlite3_file *file, int op, void *arg)
{
	return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}

static int fault_sector(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int fault_device(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int fault_shm_unmap(sqlite3_file *file, int delete)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), delete);
}

static const sqlite3_io_methods fault_methods = {
	.iVersion = 2,
	.xClose = fault_close,
	.xRead = fault_read,
	.xWrite = fault_write_at,
	.xTruncate = fault_truncate,
	.xSync = fault_fsync,
	.xFileSize = fault_size,
	.xLock = fault_lock,
	.xUnlock = fault_unlock,
	.xCheckReservedLock = fault_reserved,
	.xFileControl = fault_control,
	.xSectorSize = fault_sector,
	.xDeviceCharacteristics = fault_device,
	.xShmMap = fault_shm_map,
	.xShmLock = fault_shm_lock,
	.xShmBarrier = fault_shm_barrier,
	.xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct fault_file *fault = (struct fault_file *)file;
	int rc;

	(void)vfs;
	fault->real = (sqlite3_file *)(fault + 1);
	rc = fault_real->xOpen(fault_real, name, fault->real, flags, out);
	fault->base.pMethods = fault->real->pMethods ? &fault_methods : NULL;
	return rc;
}

/* Registers the layer "fault". */
static void fault_vfs_register(void)
{
	static sqlite3_vfs vfs;

	fault_real = sqlite3_vfs_find(NULL);
	vfs = *fault_real;
	vfs.zName = "fault";
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct fault_file) + fault_real->szOsFile;
	vfs.xOpen = fault_open;
	sqlite3_vfs_register(&vfs, 0);
}

#endif
