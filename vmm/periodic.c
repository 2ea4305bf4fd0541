#include "vmm/periodic.h"

struct Periodic {
  guint interval_s;
  void (*run)(gpointer data);
  gpointer data;
  GThread *thread;
  GMutex lock;
  GCond wake;
  gboolean stopping;
};

static gpointer loop(gpointer data) {
  Periodic *task = data;
  g_mutex_lock(&task->lock);
  while (!task->stopping) {
    gint64 next = g_get_monotonic_time() + (gint64)task->interval_s * G_USEC_PER_SEC;
    while (!task->stopping && g_cond_wait_until(&task->wake, &task->lock, next))
      ;
    if (task->stopping)
      break;
    g_mutex_unlock(&task->lock);
    task->run(task->data);
    g_mutex_lock(&task->lock);
  }
  g_mutex_unlock(&task->lock);
  return NULL;
}

Periodic *periodic_start(const char *name, guint interval_s, void (*run)(gpointer data), gpointer data) {
  Periodic *task = g_new0(Periodic, 1);
  task->interval_s = interval_s;
  task->run = run;
  task->data = data;
  g_mutex_init(&task->lock);
  g_cond_init(&task->wake);
  task->thread = g_thread_new(name, loop, task);
  return task;
}

void periodic_stop(Periodic *task) {
  if (!task)
    return;
  g_mutex_lock(&task->lock);
  task->stopping = TRUE;
  g_cond_signal(&task->wake);
  g_mutex_unlock(&task->lock);
  g_thread_join(task->thread);
  g_mutex_clear(&task->lock);
  g_cond_clear(&task->wake);
  g_free(task);
}
